import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Page } from '../../apps/registration/test/web/browser.ts'
import { siteOfFile, someChoices } from './site.ts'

const site = siteOfFile()
const audit = readFileSync(new URL('audit.js', import.meta.url), 'utf8')

const faults = (page: Page): Promise<string[]> => page.evaluate(audit)

const LOOKS = [
  { colorScheme: 'light', viewport: { width: 1_200, height: 800 } },
  { colorScheme: 'dark', viewport: { width: 1_200, height: 800 } },
  { colorScheme: 'light', viewport: { width: 320, height: 640 } },
] as const

/** Every look of one state of a page, and what is wrong with it. */
async function faultsOfAllLooks(page: Page): Promise<string[]> {
  const all: string[] = []
  for (const { colorScheme, viewport } of LOOKS) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await page.setViewportSize(viewport)
    all.push(...(await faults(page)).map((fault) => `${colorScheme} ${viewport.width}: ${fault}`))
  }
  return all
}

async function openForm(n: number): Promise<Page> {
  const { token } = await site().signedIn(n, await someChoices(site(), 3))
  const page = await site().browser.page('/', { token })
  await page.locator('#form:not([aria-busy]) .form-head').waitFor()
  return page
}

async function openTeacher(): Promise<Page> {
  const page = await site().browser.page('/teacher', {
    token: await site().signIn('teacher', site().teacher(0)),
  })
  await page.locator('.class-card').first().waitFor()
  return page
}

describe('names, structure, contrast, sizes and width, in light and dark and on the narrowest phone', () => {
  test('the audit finds what is wrong where something is', async () => {
    const page = await site().browser.page('/')
    await page.locator('#id').waitFor()
    await page.evaluate(`
      document.querySelector('label[for=id]').remove()
      document.querySelector('.hint').style.color = '#bbb'
      document.body.append(Object.assign(document.createElement('h3'), { id: 'main' }))
    `)
    const found = (await faults(page)).join('\n')
    expect(found).toContain('has no name')
    expect(found).toContain('has a contrast of')
    expect(found).toContain('two elements are called main')
    expect(found).toContain('skip a level')
  })

  test('signing in, and what is wrong with it', async () => {
    const page = await site().browser.page('/')
    await page.locator('#id').waitFor()
    expect(await faultsOfAllLooks(page)).toEqual([])
    await page.locator('[data-key=submit]').click()
    await page.locator('.error').waitFor()
    expect(await faultsOfAllLooks(page)).toEqual([])
  })

  test('the form: saved, changed, and the questions it asks', async () => {
    const page = await openForm(0)
    expect(await faultsOfAllLooks(page)).toEqual([])
    await page.getByRole('button', { name: 'Confirm…' }).click()
    expect(await faultsOfAllLooks(page)).toEqual([])
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: /^Remove choice 1:/ }).click()
    expect(await faultsOfAllLooks(page)).toEqual([])
  })

  test('picking a school and a major', async () => {
    const page = await openForm(1)
    await page.getByRole('button', { name: 'Add a choice' }).click()
    expect(await faultsOfAllLooks(page)).toEqual([])
    await page.locator('.result').first().click()
    await page.locator('.result-state').first().waitFor()
    expect(await faultsOfAllLooks(page)).toEqual([])
  })

  test('a conflict of two versions', async () => {
    const page = await openForm(2)
    const { token } = await site().signedIn(2)
    await site().save(token, await someChoices(site(), 5))
    await page.getByRole('button', { name: /^Remove choice 1:/ }).click()
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByRole('dialog').waitFor()
    expect(await faultsOfAllLooks(page)).toEqual([])
  })

  test('a teacher’s classes, a class, and one candidate', async () => {
    const { token } = await site().signedIn(3)
    await site().save(token, await someChoices(site(), 3))
    const page = await openTeacher()
    expect(await faultsOfAllLooks(page)).toEqual([])
    await page.locator('.class-card').first().click()
    await page.locator('tbody tr').first().waitFor()
    expect(await faultsOfAllLooks(page)).toEqual([])
    await page.locator('tr:has(.badge.saved) button').first().click()
    await page.locator('.form-state').waitFor()
    expect(await faultsOfAllLooks(page)).toEqual([])
  })

  test('in Chinese as well', async () => {
    const page = await openForm(4)
    await page.getByRole('button', { name: '中文' }).click()
    expect(await faultsOfAllLooks(page)).toEqual([])
  })
})

describe('the keyboard', () => {
  /** What Tab stops at, from the top of the page, and whether the stop can be seen. */
  async function stops(page: Page, count: number): Promise<{ name: string; isSeen: boolean }[]> {
    await page.evaluate('document.body.tabIndex = -1, document.body.focus()')
    const found = []
    for (let at = 0; at < count; at += 1) {
      await page.keyboard.press('Tab')
      const stop = await page.evaluate(`(() => {
        const one = document.activeElement
        const style = getComputedStyle(one)
        const name = one.getAttribute('aria-label') ?? (one.labels?.[0] ?? one).textContent
        return { name, isSeen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 }
      })()`)
      found.push(stop as { name: string; isSeen: boolean })
    }
    return found
  }

  test('Tab goes through signing in in the order of reading, and every stop can be seen', async () => {
    const page = await site().browser.page('/')
    await page.locator('#id').waitFor()
    const found = await stops(page, 6)
    expect(found.map((one) => one.name)).toEqual([
      'Skip to content',
      '中文',
      'English',
      'ID number',
      'Password or one-time code',
      'Sign in',
    ])
    expect(found.filter((one) => !one.isSeen)).toEqual([])
  })

  test('Tab goes through the form from the choices to saving, and every stop can be seen', async () => {
    const page = await openForm(5)
    const found = await stops(page, 20)
    expect(found.filter((one) => !one.isSeen)).toEqual([])
    const names = found.map((one) => one.name.replace(/:.*/, ''))
    expect(names.slice(0, 5)).toEqual([
      'Skip to content',
      'Sign out',
      '中文',
      'English',
      'Subjects and personal details',
    ])
    expect(names.slice(5, 9)).toEqual([
      'Move up choice 1',
      'Move down choice 1',
      'Remove choice 1',
      'Order choice 1',
    ])
    expect(names.slice(17)).toEqual(['Add a choice', 'Confirm…', 'Save'])
  })

  test('a question keeps Tab inside and gives the focus back', async () => {
    const page = await openForm(6)
    await page.getByRole('button', { name: 'Confirm…' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    for (let at = 0; at < 6; at += 1) {
      await page.keyboard.press('Tab')
      const where = await page.evaluate(
        `document.activeElement === document.body || document.activeElement.closest('dialog') !== null`,
      )
      expect(where).toBe(true)
    }
    await page.keyboard.press('Escape')
    await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('Confirm…')
  })

  test('the skip link leads to the content and nowhere else', async () => {
    const page = await openTeacher()
    await page.locator('.class-card').first().click()
    await page.locator('tbody tr').first().waitFor()
    await page.locator('#skip').focus()
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    expect(await page.locator('tbody tr').count()).toBe(45)
  })
})

test('nothing moves where less motion is asked for', async () => {
  const { token } = await site().signedIn(7, await someChoices(site(), 2))
  const page = await site().browser.page('/', { token, reducedMotion: 'reduce' })
  await page.locator('#form:not([aria-busy]) .form-head').waitFor()
  const moving = `[...document.querySelectorAll('*')].filter((one) => {
    const { transitionDuration, animationName } = getComputedStyle(one)
    return transitionDuration !== '0s' || animationName !== 'none'
  }).length`
  expect(await page.evaluate(moving)).toBe(0)
  await page.emulateMedia({ reducedMotion: 'no-preference' })
  expect(await page.evaluate(moving)).toBeGreaterThan(0)
})
