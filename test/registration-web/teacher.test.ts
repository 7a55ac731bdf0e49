import { describe, expect, test } from 'vitest'
import type { Locator, Page } from '../../apps/registration/test/web/browser.ts'
import { siteOfFile, someChoices } from './site.ts'

const site = siteOfFile()

const expectSoon = <T>(what: () => Promise<T>) => expect.poll(what, { timeout: 10_000 })
const tableRows = (page: Page): Locator => page.locator('tbody tr')
const title = (page: Page, name: string | RegExp): Promise<void> =>
  page.getByRole('heading', { level: 1, name }).waitFor()

async function openTeacher(path = '/teacher'): Promise<Page> {
  const token = await site().signIn('teacher', site().teacher(0))
  const page = await site().browser.page(path, { token })
  await title(page, 'Your classes')
  return page
}

/** The first class is candidates 0 to 44, the second 45 to 89; both are teacher 0's. */
const openFirstClass = async (page: Page): Promise<void> => {
  await page.locator('.class-card').first().click()
  await tableRows(page).first().waitFor()
}

test('a teacher signs in and sees own classes with how far they are', async () => {
  const { id, code } = site().teacher(1)
  const page = await site().browser.page('/teacher')
  await page.getByLabel('Account').fill(id)
  await page.getByLabel('Password or one-time code').fill(code)
  await page.keyboard.press('Enter')
  await page.getByLabel('New password').fill('correct horse 4')
  await page.getByLabel('The same again').fill('correct horse 4')
  await page.keyboard.press('Enter')
  await title(page, 'Your classes')
  expect(await page.locator('.class-card').count()).toBe(1)
  expect(await page.locator('.class-states').textContent()).toBe(
    '30 candidates: 0 confirmed, 0 saved, 30 not started',
  )
})

test('a candidate is asked to sign in as a teacher, and sees nobody', async () => {
  const { token } = await site().signedIn(50)
  const page = await site().browser.page('/teacher', { token })
  await page.getByText('not as a teacher').waitFor()
  expect(await page.locator('table, .class-card').count()).toBe(0)
})

describe('a class', () => {
  test('is a table with each candidate’s state, filtered by state', async () => {
    await site().signedIn(3, await someChoices(site(), 4))
    const page = await openTeacher()
    await openFirstClass(page)
    expect(await tableRows(page).count()).toBe(45)
    await page.getByRole('button', { name: /^Saved/ }).click()
    await expectSoon(() => tableRows(page).count()).toBe(1)
    const cells = await tableRows(page).first().locator('td').allTextContents()
    expect(cells[0]).toBe('Saved')
    expect(cells[1]).toBe('4')
    expect(cells.at(-1)).toBe(`…${site().candidate(3).id.slice(-6)}`)
    expect(await page.evaluate('document.activeElement.getAttribute("aria-pressed")')).toBe('true')
  })

  test('is shown in pages', async () => {
    const page = await openTeacher()
    await page.route('**/api/teacher/classes/*', (route) =>
      route.continue({ url: `${route.request().url()}&limit=20` }),
    )
    await openFirstClass(page)
    const pager = page.getByRole('navigation', { name: 'Pages' })
    expect(await pager.textContent()).toContain('1 to 20 of 45')
    await pager.getByRole('button', { name: 'Next' }).click()
    await expectSoon(() => pager.textContent()).toContain('21 to 40 of 45')
    await pager.getByRole('button', { name: 'Next' }).click()
    await expectSoon(() => tableRows(page).count()).toBe(5)
    expect(await pager.getByRole('button', { name: 'Next' }).getAttribute('aria-disabled')).toBe('true')
    await page.goBack()
    await expectSoon(() => pager.textContent()).toContain('21 to 40 of 45')
  })
})

describe('searching', () => {
  test('finds by the end of the ID number, and by a school among the choices', async () => {
    const [, second] = await someChoices(site(), 2)
    await site().signedIn(46, [second!])
    const page = await openTeacher()
    const { id } = site().candidate(46)
    await page.getByLabel('ID number, last 4 to 8').fill(id.slice(-8))
    await page.keyboard.press('Enter')
    await page.locator(`[data-key="candidate ${id}"]`).waitFor()
    const suffixes = await tableRows(page).locator('td:last-child').allTextContents()
    expect(suffixes.filter((one) => one !== `…${id.slice(-6)}`)).toEqual([])
    await page.getByLabel('ID number, last 4 to 8').fill('')
    await page.getByLabel('A school among the choices').fill(second!.school)
    await page.keyboard.press('Enter')
    await title(page, /candidates?$/)
    await expectSoon(() => tableRows(page).allTextContents()).toEqual(
      expect.arrayContaining([expect.stringContaining(`…${id.slice(-6)}`)]),
    )
  })

  test('finds by name in all own classes', async () => {
    const page = await openTeacher()
    await openFirstClass(page)
    const name = (await tableRows(page).nth(7).getByRole('rowheader').textContent()) ?? ''
    await page.getByLabel('Name').fill(name)
    await page.keyboard.press('Enter')
    await title(page, /candidates?$/)
    const found = await tableRows(page).getByRole('rowheader').allTextContents()
    expect(found).toContain(name)
    expect(found.filter((one) => !one.includes(name))).toEqual([])
  })

  test('says at the field what is missing or wrong', async () => {
    const page = await openTeacher()
    await page.getByRole('button', { name: 'Find' }).click()
    expect(await page.locator('#search-error').textContent()).toContain('at least one field')
    await page.getByLabel('ID number, last 4 to 8').fill('12')
    await page.keyboard.press('Enter')
    expect(await page.locator('#search-error').textContent()).toContain('last 4 to 8')
    expect(await page.evaluate('document.activeElement.id')).toBe('search-id')
    await page.getByLabel('ID number, last 4 to 8').fill('')
    await page.getByLabel('A school among the choices').fill('Atlantis')
    await page.keyboard.press('Enter')
    await expectSoon(() => page.locator('#search-error').textContent()).toContain('no such school')
  })
})

describe('one candidate', () => {
  test('is the form as it is now with the history of saves, newest first', async () => {
    const choices = await someChoices(site(), 3)
    const { token } = await site().signedIn(5, choices)
    await site().save(token, choices.slice(1))
    const { receipt } = await site().form(token)
    const page = await openTeacher()
    await openFirstClass(page)
    await page.locator(`[data-key="candidate ${site().candidate(5).id}"]`).click()
    await title(page, /^Form of /)
    expect(await page.locator('.form-state').textContent()).toContain(receipt)
    expect(await page.locator('section.card > .choices-read > li').count()).toBe(2)
    await expectSoon(async () => {
      await page.getByRole('button', { name: 'Refresh' }).click()
      return page.locator('.past').count()
    }).toBe(2)
    expect(await page.locator('.past').first().textContent()).toContain(receipt)
    expect(await page.locator('.past').nth(1).locator('li').count()).toBe(3)
  })

  test('Back and Reload keep the place, and no address ever carries an ID number', async () => {
    const page = await openTeacher()
    await openFirstClass(page)
    await tableRows(page).nth(2).getByRole('button').click()
    await title(page, /^Form of /)
    const name = await page.getByRole('heading', { level: 1 }).textContent()
    await page.reload()
    await title(page, name ?? '')
    expect(new URL(page.url()).pathname + new URL(page.url()).search + new URL(page.url()).hash).toBe(
      '/teacher',
    )
    await page.getByRole('button', { name: 'Back', exact: true }).click()
    await tableRows(page).first().waitFor()
    await page.goBack()
    await title(page, 'Your classes')
  })

  test('of somebody else’s class is not shown', async () => {
    const page = await openTeacher()
    const { id } = site().candidate(100)
    await page.evaluate(`history.replaceState({ view: 'candidate', candidate: '${id}' }, '')`)
    await page.reload()
    await page.getByText('no such candidate').waitFor()
    expect(await page.locator('.choices-read').count()).toBe(0)
  })
})

test('an ended session asks to sign in again, and shows the same view afterwards', async () => {
  const page = await openTeacher()
  await openFirstClass(page)
  await page.context().clearCookies()
  await page.getByRole('button', { name: 'Refresh' }).click()
  await page.getByText('Your session has ended').waitFor()
  expect(await page.locator('table').count()).toBe(0)
  await page.getByLabel('Account').fill(site().teacher(0).id)
  await page.getByLabel('Password or one-time code').fill('correct horse 4')
  await page.keyboard.press('Enter')
  await expectSoon(() => tableRows(page).count()).toBe(45)
})
