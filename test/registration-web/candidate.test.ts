import { describe, expect, test } from 'vitest'
import type { Locator, Page } from '../../apps/registration/test/web/browser.ts'
import { PASSWORD_OF_ALL, siteOfFile, someChoices } from './site.ts'
import type { Choice } from './site.ts'

const site = siteOfFile()

const rows = (page: Page): Locator => page.locator('li.choice')
const status = (page: Page): Locator => page.locator('#save-status')
const button = (page: Page, name: string): Locator => page.getByRole('button', { name, exact: true })

/** School codes in the order of the list. */
const order = (page: Page): Promise<string[]> => page.locator('.school .code').allTextContents()

const schools = (choices: readonly Choice[]): string[] => choices.map((one) => one.school)

/** As patient as the rest of a test on a busy machine. */
const expectSoon = <T>(what: () => Promise<T>) => expect.poll(what, { timeout: 10_000 })

/** The form is there with the names of everything in it. */
const settled = (page: Page): Promise<void> => page.locator('#form:not([aria-busy]) .form-head').waitFor()

/** A candidate's page with this many saved choices. */
async function openForm(n: number, count: number): Promise<{ page: Page; token: string; choices: Choice[] }> {
  const choices = await someChoices(site(), count)
  const { token } = await site().signedIn(n, choices)
  const page = await site().browser.page('/', { token })
  await settled(page)
  return { page, token, choices }
}

async function fillIn(page: Page, values: Record<string, string>): Promise<void> {
  for (const [label, value] of Object.entries(values)) await page.getByLabel(label).fill(value)
  await page.keyboard.press('Enter')
}

describe('signing in', () => {
  test('a one-time code asks for a password of one’s own, which then opens the form', async () => {
    const { id, code } = site().candidate(0)
    const page = await site().browser.page('/')
    await fillIn(page, { 'ID number': id, 'Password or one-time code': code })
    await fillIn(page, { 'New password': PASSWORD_OF_ALL, 'The same again': PASSWORD_OF_ALL })
    await page.getByText('No choices yet.').waitFor()
    await button(page, 'Sign out').click()
    await page.getByText('You are signed out').waitFor()
    await fillIn(page, { 'ID number': id, 'Password or one-time code': PASSWORD_OF_ALL })
    await page.getByText('No choices yet.').waitFor()
    expect(await page.locator('dd').first().textContent()).toMatch(/^\d{2,3}$/)
  })

  test('what is wrong is said at its field, which gets the focus', async () => {
    const { id } = site().candidate(1)
    const page = await site().browser.page('/')
    const field = page.getByLabel('ID number')
    await fillIn(page, { 'ID number': id.slice(1), 'Password or one-time code': 'x' })
    expect(await page.evaluate('document.activeElement.id')).toBe('id')
    expect(await field.getAttribute('aria-invalid')).toBe('true')
    expect(await field.getAttribute('aria-describedby')).toContain('id-error')
    expect(await page.locator('#id-error').textContent()).toContain('this one has 17')
    const wrong = id.slice(0, 17) + (id.endsWith('1') ? '2' : '1')
    await fillIn(page, { 'ID number': wrong })
    await expectSoon(() => page.locator('#id-error').textContent()).toContain('not a valid ID number')
    await fillIn(page, { 'ID number': id, 'Password or one-time code': 'wrong one' })
    await expectSoon(() => page.locator('#password-error').textContent()).toContain('is wrong')
  })

  test('a weak or mistyped new password is refused before it is sent', async () => {
    const { id, code } = site().candidate(1)
    const page = await site().browser.page('/')
    await fillIn(page, { 'ID number': id, 'Password or one-time code': code })
    await fillIn(page, { 'New password': '20080901', 'The same again': '20080901' })
    expect(await page.locator('#newPassword-error').textContent()).toContain('not only digits')
    await fillIn(page, { 'New password': PASSWORD_OF_ALL, 'The same again': 'other' })
    expect(await page.locator('#repeated-error').textContent()).toContain('not the same')
  })
})

describe('the form', () => {
  test('is filled in, ordered and saved by the keyboard alone, and the receipt is the server’s', async () => {
    const { token } = await site().signedIn(2)
    const page = await site().browser.page('/', { token })
    await page.getByRole('button', { name: 'Add a choice' }).focus()
    await page.keyboard.press('Enter')
    for (const school of ['10003', '10007']) {
      await page.keyboard.type(school)
      await page.keyboard.press('Enter')
      await page.locator('.result-state').first().waitFor()
      await page.keyboard.press('ArrowDown')
      await page.keyboard.press('Enter')
      await page.getByText(/^Choice \d$/).waitFor()
      await page.getByRole('button', { name: 'Another school' }).focus()
      await page.keyboard.press('Enter')
      await page.locator('#school-search').fill('')
    }
    await page.keyboard.press('Escape')
    expect(await order(page)).toEqual(['10003', '10007'])
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Add a choice')
    expect(await status(page).textContent()).toContain('Not saved yet')

    await page.locator('.handle').nth(1).focus()
    await page.keyboard.press('ArrowUp')
    expect(await order(page)).toEqual(['10007', '10003'])
    expect(await page.locator('#announcer').textContent()).toContain('is now choice 1 of 2')
    expect(await page.evaluate('document.activeElement.getAttribute("aria-label")')).toContain(
      'Order choice 1',
    )

    await page.keyboard.press('Control+s')
    await expectSoon(() => status(page).textContent()).toContain('receipt')
    const form = await site().form(token)
    expect(schools(form.choices)).toEqual(['10007', '10003'])
    expect(await status(page).textContent()).toContain(form.receipt)
  })

  test('buttons move and remove choices, and the focus stays where the hand is', async () => {
    const { page, choices } = await openForm(3, 3)
    const [a, b, c] = schools(choices)
    const down = page.getByRole('button', { name: /^Move down choice 1:/ })
    await down.click()
    expect(await order(page)).toEqual([b, a, c])
    expect(await page.evaluate('document.activeElement.dataset.key')).toContain(`down ${a}`)
    await page.getByRole('button', { name: /^Remove choice 2:/ }).click()
    expect(await order(page)).toEqual([b, c])
    expect(await page.evaluate('document.activeElement.dataset.key')).toContain(`remove ${c}`)
    await button(page, 'Discard changes').click()
    expect(await order(page)).toEqual([a, b, c])
  })

  test('is ordered by dragging with the mouse; Escape puts it back', async () => {
    const { page, token, choices } = await openForm(4, 4)
    const [a, b, c, d] = schools(choices)
    const drag = async (from: number, to: number): Promise<void> => {
      const start = (await page.locator('.handle').nth(from).boundingBox())!
      const end = (await page.locator('.handle').nth(to).boundingBox())!
      await page.mouse.move(start.x + 10, start.y + 10)
      await page.mouse.down()
      await page.mouse.move(start.x + 10, (start.y + end.y) / 2, { steps: 4 })
      await page.mouse.move(end.x + 10, end.y + 14, { steps: 4 })
    }
    await drag(0, 2)
    await page.mouse.up()
    expect(await order(page)).toEqual([b, c, a, d])
    await drag(3, 0)
    await page.keyboard.press('Escape')
    await page.mouse.up()
    expect(await order(page)).toEqual([b, c, a, d])
    expect(await page.locator('.lifted').count()).toBe(0)
    await button(page, 'Save').click()
    await expectSoon(async () => schools((await site().form(token)).choices)).toEqual([b, c, a, d])
  })

  test('is ordered by dragging with a finger, and the page does not scroll away under it', async () => {
    const choices = await someChoices(site(), 3)
    const { token } = await site().signedIn(5, choices)
    const viewport = { width: 390, height: 844 }
    const page = await site().browser.page('/', { token, viewport, hasTouch: true, isMobile: true })
    await settled(page)
    await page.evaluate(`document.querySelector('.handle').scrollIntoView({ block: 'center' })`)
    const start = (await page.locator('.handle').nth(0).boundingBox())!
    const end = (await page.locator('.handle').nth(1).boundingBox())!
    const scrolled = await page.evaluate('scrollY')
    const touch = await page.context().newCDPSession(page)
    const x = start.x + 20
    const send = (type: 'touchStart' | 'touchMove' | 'touchEnd', y?: number): Promise<unknown> =>
      touch.send('Input.dispatchTouchEvent', { type, touchPoints: y === undefined ? [] : [{ x, y }] })
    await send('touchStart', start.y + 20)
    for (let step = 1; step <= 5; step += 1)
      await send('touchMove', start.y + 20 + ((end.y - start.y) * step) / 5)
    await send('touchEnd')
    const [a, b, c] = schools(choices)
    await expectSoon(() => order(page)).toEqual([b, a, c])
    expect(await page.evaluate('scrollY')).toBe(scrolled)
  })

  test('choices that the server refuses are marked one by one', async () => {
    const { page } = await openForm(6, 2)
    await page.route('**/api/form', (route) =>
      route.fulfill({
        status: 400,
        contentType: 'application/problem+json',
        json: { code: 'invalid-choices', problems: [{ index: 1, code: 'unknown-major', detail: 'gone' }] },
      }),
    )
    await page.getByRole('button', { name: /^Move up choice 2:/ }).click()
    await button(page, 'Save').click()
    await rows(page).nth(1).getByText('does not offer this major').waitFor()
    expect(await status(page).textContent()).toContain('Not saved')
  })
})

describe('two tabs', () => {
  async function openTwo(n: number): Promise<{ mine: Page; other: Page; token: string; choices: Choice[] }> {
    const { page, token, choices } = await openForm(n, 3)
    const other = await site().browser.tabBeside(page, '/')
    await settled(other)
    await other.getByRole('button', { name: /^Move down choice 1:/ }).click()
    await button(other, 'Save').click()
    await other.locator('.status.good').waitFor()
    await page.getByRole('button', { name: /^Remove choice 3:/ }).click()
    await button(page, 'Save').click()
    await page.getByRole('dialog').waitFor()
    return { mine: page, other, token, choices }
  }

  test('neither overwrites the other unseen: both versions are shown, and mine can be kept', async () => {
    const { mine, token, choices } = await openTwo(7)
    const [a, b, c] = schools(choices)
    expect(await mine.getByRole('dialog').getByRole('list').count()).toBe(2)
    expect(schools((await site().form(token)).choices)).toEqual([b, a, c])
    await button(mine, 'Save what is on this page').click()
    await mine.locator('.status.good').waitFor()
    expect(schools((await site().form(token)).choices)).toEqual([a, b])
  })

  test('the saved version can be taken instead, and deciding can wait without losing anything', async () => {
    const { mine, choices } = await openTwo(8)
    const [a, b, c] = schools(choices)
    await mine.keyboard.press('Escape')
    await expectSoon(() => mine.getByRole('dialog').count()).toBe(0)
    expect(await order(mine)).toEqual([a, b])
    expect(await status(mine).textContent()).toContain('saved elsewhere')
    await button(mine, 'Save').click()
    await button(mine, 'Take what is saved').click()
    await expectSoon(() => order(mine)).toEqual([b, a, c])
    expect(await status(mine).textContent()).toContain('receipt')
  })
})

describe('confirming', () => {
  test('asks first, and Escape changes nothing', async () => {
    const { page, token } = await openForm(9, 2)
    await button(page, 'Confirm…').click()
    await page.getByRole('dialog', { name: 'Confirm 2 choices?' }).waitFor()
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Not yet')
    await page.keyboard.press('Escape')
    expect((await site().form(token)).state).toBe('saved')
  })

  test('locks the form here and in another tab', async () => {
    const { page, token } = await openForm(10, 2)
    const other = await site().browser.tabBeside(page, '/')
    await settled(other)
    await button(page, 'Confirm…').click()
    await button(page, 'Confirm and lock').click()
    await expectSoon(() => status(page).textContent()).toContain('Confirmed')
    expect((await site().form(token)).state).toBe('confirmed')
    expect(await page.locator('.controls, .add, #save-buttons button').count()).toBe(0)
    await other.getByRole('button', { name: /^Move down choice 1:/ }).click()
    await button(other, 'Save').click()
    await expectSoon(() => status(other).textContent()).toContain('confirmed elsewhere')
    expect(await other.locator('.controls').count()).toBe(0)
  })

  test('waits until everything is saved', async () => {
    const { page } = await openForm(11, 2)
    await page.getByRole('button', { name: /^Remove choice 2:/ }).click()
    await button(page, 'Confirm…').click({ force: true })
    expect(await page.getByRole('dialog').count()).toBe(0)
    await button(page, 'Save').click()
    await page.locator('.status.good').waitFor()
    await button(page, 'Confirm…').click()
    await page.getByRole('dialog', { name: 'Confirm 1 choice?' }).waitFor()
  })
})

describe('when things go wrong', () => {
  test('a save whose answer got lost is looked up, and called saved only then', async () => {
    const { page, token } = await openForm(12, 2)
    await page.route('**/api/form', async (route) => {
      if (route.request().method() !== 'PUT') return route.continue()
      await route.fetch()
      return route.abort()
    })
    await page.getByRole('button', { name: /^Move down choice 1:/ }).click()
    await button(page, 'Save').click()
    await page.getByText('Not known yet whether it was saved').waitFor()
    await page.locator('.status.good').waitFor()
    expect(await status(page).textContent()).toContain((await site().form(token)).receipt)
  })

  test('a save that never arrived is called not saved, and what was typed stays', async () => {
    const { page, token, choices } = await openForm(13, 2)
    await page.route('**/api/form', (route) =>
      route.request().method() === 'PUT' ? route.abort() : route.continue(),
    )
    await page.getByRole('button', { name: /^Move down choice 1:/ }).click()
    await button(page, 'Save').click()
    await page.getByText('It was not saved').waitFor()
    const [a, b] = schools(choices)
    expect(await order(page)).toEqual([b, a])
    expect(schools((await site().form(token)).choices)).toEqual([a, b])
  })

  test('under overload the button counts the wait, and the save goes out by itself', async () => {
    const { page } = await openForm(14, 2)
    let refusals = 0
    await page.route('**/api/form', (route) => {
      if (route.request().method() !== 'PUT' || refusals >= 1) return route.continue()
      refusals += 1
      return route.fulfill({
        status: 429,
        contentType: 'application/problem+json',
        json: { code: 'overloaded', retryAfter: 2 },
      })
    })
    await page.getByRole('button', { name: /^Move down choice 1:/ }).click()
    await button(page, 'Save').click()
    await button(page, 'Wait 2 s').waitFor()
    expect(await status(page).textContent()).toContain('not saved yet')
    await button(page, 'Wait 1 s').waitFor()
    await page.locator('.status.good').waitFor()
    expect(refusals).toBe(1)
  })

  test('an ended session asks to sign in again and keeps what was not saved, for the same person only', async () => {
    const token = await site().signIn('candidate', site().candidate(15))
    const choices = await someChoices(site(), 2)
    await site().save(token, choices)
    const page = await site().browser.page('/', { token })
    await settled(page)
    const [a, b] = schools(choices)
    const endSession = async (): Promise<void> => {
      await page.getByRole('button', { name: /^Move down choice 1:/ }).click()
      await site().api('DELETE', '/api/session', {
        token: await site().signIn('candidate', site().candidate(15)),
      })
      await button(page, 'Save').click()
      await page.getByText('still on this page').waitFor()
    }
    await endSession()
    const { id } = site().candidate(15)
    await fillIn(page, { 'ID number': id, 'Password or one-time code': PASSWORD_OF_ALL })
    await settled(page)
    expect(await order(page)).toEqual([b, a])
    await button(page, 'Save').click()
    await page.locator('.status.good').waitFor()

    await endSession()
    const stranger = site().candidate(16)
    await site().signIn('candidate', stranger)
    await fillIn(page, { 'ID number': stranger.id, 'Password or one-time code': PASSWORD_OF_ALL })
    await page.getByText('No choices yet.').waitFor()
    expect(await status(page).textContent()).toContain('Nothing is saved yet')
  })

  test('where somebody else signs in in another tab, this one shows nobody’s form any more and saves nothing', async () => {
    const { token } = await site().signedIn(25)
    const page = await site().browser.page('/', { token })
    await page.getByText('No choices yet.').waitFor()
    const stranger = site().candidate(26)
    const strangerToken = await site().signIn('candidate', stranger)
    await page.context().clearCookies()
    const other = await site().browser.tabBeside(page, '/')
    await fillIn(other, { 'ID number': stranger.id, 'Password or one-time code': PASSWORD_OF_ALL })
    await other.getByText('No choices yet.').waitFor()
    await page.getByText('Somebody else signed in').waitFor()
    expect(await page.locator('#form').count()).toBe(0)
    expect((await site().form(strangerToken)).state).toBe('not-started')
  })

  test('what one candidate left in a tab is never saved as the form of the next', async () => {
    const [one, next] = [await site().signedIn(27), await site().signedIn(28)]
    const page = await site().browser.page('/', { token: one.token })
    await page.getByRole('button', { name: 'Add a choice' }).click()
    await page.keyboard.type('10003')
    await page.keyboard.press('Enter')
    await page.locator('.result').first().click()
    await page.keyboard.press('Escape')
    await page.context().addCookies([{ name: 'session', value: next.token, url: site().url }])
    await button(page, 'Save').click()
    await page.getByText('still on this page').waitFor()
    expect((await site().form(next.token)).state).toBe('not-started')
  })

  test('leaving with unsaved changes is asked about; without them it is not', async () => {
    const { page } = await openForm(17, 2)
    const asked: string[] = []
    page.on('dialog', (dialog) => {
      asked.push(dialog.type())
      void dialog.accept()
    })
    await page.reload()
    await settled(page)
    expect(asked).toEqual([])
    await page.getByRole('button', { name: /^Move down choice 1:/ }).click()
    await page.reload()
    expect(asked).toEqual(['beforeunload'])
  })

  test('signing out with unsaved changes asks first', async () => {
    const { page } = await openForm(18, 2)
    await page.getByRole('button', { name: /^Move down choice 1:/ }).click()
    await button(page, 'Sign out').click()
    await button(page, 'Stay here').click()
    expect(await status(page).textContent()).toContain('Not saved yet')
    await button(page, 'Sign out').click()
    await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click()
    await page.getByText('You are signed out').waitFor()
  })

  test('being offline is said', async () => {
    const { page } = await openForm(19, 1)
    await page.context().setOffline(true)
    await page.getByText('You are offline').waitFor()
    await page.context().setOffline(false)
    await expectSoon(() => page.locator('#offline').isVisible()).toBe(false)
  })
})

describe('the window', () => {
  /** Seconds of `6 days 23:59:12`. */
  const seconds = (text: string): number => {
    const [, days, hours, minutes, rest] = /(?:(\d+) days? )?(\d+):(\d+):(\d+)/.exec(text) ?? []
    return Number(days ?? 0) * 86_400 + Number(hours) * 3_600 + Number(minutes) * 60 + Number(rest)
  }

  test('the countdown goes by the server’s time, whatever the clock of the computer says', async () => {
    const { token } = await site().signedIn(20)
    const before = `{
      const Real = Date, ahead = 5 * 3_600_000
      globalThis.Date = class extends Real {
        constructor(...given) { given.length === 0 ? super(Real.now() + ahead) : super(...given) }
        static now() { return Real.now() + ahead }
      }
    }`
    const page = await site().browser.page('/', { token, before })
    const shown = async (): Promise<number> => seconds((await page.locator('#time-left').textContent()) ?? '')
    await page.locator('#time-left').waitFor()
    expect(Math.abs(Number(await page.evaluate('Date.now()')) - Date.now())).toBeGreaterThan(4 * 3_600_000)
    const { now, window } = await site().clock()
    const left = (Date.parse(window.closes) - Date.parse(now)) / 1_000
    const first = await shown()
    expect(Math.abs(first - left)).toBeLessThan(3)
    await expectSoon(shown).toBeLessThan(first)
  })

  test('before it opens the form cannot be changed, and as it opens it can', async () => {
    const { window } = await site().clock()
    try {
      await site().setWindow({ opens: new Date(Date.now() + 6_000).toISOString(), closes: window.closes })
      const { token } = await site().signedIn(21)
      const page = await site().browser.page('/', { token })
      await page.getByText('Not open yet').waitFor()
      expect(await page.locator('.add').count()).toBe(0)
      await page.locator('.add').waitFor()
      expect(await page.locator('.window-state').textContent()).toContain('Closes in')
    } finally {
      await site().setWindow(window)
    }
  })

  test('as it closes the page says so by itself, and what was not saved is never called saved', async () => {
    const { window } = await site().clock()
    const choices = await someChoices(site(), 2)
    const { token } = await site().signedIn(22, choices)
    try {
      await site().setWindow({ opens: window.opens, closes: new Date(Date.now() + 6_000).toISOString() })
      const page = await site().browser.page('/', { token })
      await page.getByRole('button', { name: /^Remove choice 2:/ }).click()
      expect(await page.locator('.window.soon').count()).toBe(1)
      await page.getByText('Applications are closed').first().waitFor()
      expect(await page.locator('.controls, .add, #save-buttons button').count()).toBe(0)
      expect(await status(page).textContent()).toContain('not saved in time does not count')
      expect(await page.locator('.choices').first().locator('.school .code').allTextContents()).toEqual(
        schools(choices),
      )
      await page.getByText('Not saved, does not count: 1 choice').waitFor()
      expect(schools((await site().form(token)).choices)).toEqual(schools(choices))
    } finally {
      await site().setWindow(window)
    }
  })
})

describe('two languages', () => {
  test('the switch changes the words, the language of the document and the dates, and is remembered', async () => {
    const { page } = await openForm(23, 1)
    expect(await page.evaluate('document.documentElement.lang')).toBe('en')
    await button(page, '中文').click()
    expect(await page.evaluate('document.documentElement.lang')).toBe('zh-CN')
    expect(await page.title()).toContain('志愿填报')
    expect(await status(page).textContent()).toMatch(/已保存：\d{4}年\d+月\d+日/)
    expect(await page.locator('.school').first().textContent()).toMatch(/大学|学院/)
    await page.reload()
    await page.getByRole('heading', { name: '我的志愿' }).waitFor()
    await button(page, 'English').click()
    await page.getByRole('heading', { name: 'Your choices' }).waitFor()
    expect(await page.locator('.school').first().textContent()).toMatch(/University|Institute|College/)
  })

  test('a browser that prefers Chinese gets Chinese', async () => {
    const page = await site().browser.page('/', { locale: 'zh-CN' })
    await page.getByRole('heading', { name: '登录' }).waitFor()
    expect(await page.evaluate('document.documentElement.lang')).toBe('zh-CN')
  })

  test('unsaved changes survive the switch', async () => {
    const { page, choices } = await openForm(24, 2)
    const [a, b] = schools(choices)
    await page.getByRole('button', { name: /^Move down choice 1:/ }).click()
    await button(page, '中文').click()
    expect(await order(page)).toEqual([b, a])
    expect(await status(page).textContent()).toContain('有未保存的修改')
  })
})
