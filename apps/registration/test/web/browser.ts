/**
 * Pages of registration in a real Chromium, watched: whatever the browser complains about while a test runs is kept
 * and can be expected to be nothing.
 */
import { chromium } from 'playwright-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'

export type { Locator, Page } from 'playwright-core'

/** What answers with an error status is written to the console by Chromium itself; the pages handle those. */
const EXPECTED = /^Failed to load resource: (the server responded with a status of (4\d\d|503)|net::ERR_)/

export interface PageOptions extends BrowserContextOptions {
  /** Of a session made beforehand. */
  readonly token?: string
  /** Runs in the page before anything else does. */
  readonly before?: string
}

export class WatchedBrowser {
  readonly #browser: Browser
  readonly #url: string
  /** Errors and warnings of the console, exceptions, and what the Content-Security-Policy stopped. */
  readonly troubles: string[] = []

  private constructor(browser: Browser, url: string) {
    this.#browser = browser
    this.#url = url
  }

  static async open(program: string, url: string): Promise<WatchedBrowser> {
    const browser = await chromium.launch({
      executablePath: program,
      // A sandbox needs rights that containers do not give; only pages of our own are opened.
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    })
    return new WatchedBrowser(browser, url)
  }

  /** A page with cookies and storage of its own, opened at `path`. */
  async page(path: string, { token, before, ...options }: PageOptions = {}): Promise<Page> {
    const context = await this.#browser.newContext({
      baseURL: this.#url,
      locale: 'en-GB',
      viewport: { width: 1_200, height: 800 },
      ...options,
    })
    context.setDefaultTimeout(10_000)
    if (token !== undefined) await context.addCookies([{ name: 'session', value: token, url: this.#url }])
    if (before !== undefined) await context.addInitScript(before)
    return this.#tab(await context.newPage(), path)
  }

  /** Another tab beside this one. */
  async tabBeside(page: Page, path: string): Promise<Page> {
    return this.#tab(await page.context().newPage(), path)
  }

  async close(): Promise<void> {
    await this.#browser.close()
  }

  /** Ends what the pages of a test hold. */
  async closePages(): Promise<void> {
    await Promise.all(this.#browser.contexts().map((context) => context.close()))
  }

  async #tab(page: Page, path: string): Promise<Page> {
    page.on('console', (message) => {
      if (message.type() !== 'error' && message.type() !== 'warning') return
      if (!EXPECTED.test(message.text())) this.troubles.push(message.text())
    })
    page.on('pageerror', (error) => this.troubles.push(error.stack ?? error.message))
    await page.goto(path)
    return page
  }
}
