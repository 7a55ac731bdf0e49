/** A member of staff over HTTP, as `evening` needs one. */

export class StaffClient {
  readonly #urls: readonly string[]
  #token = ''

  constructor(urls: readonly string[]) {
    this.#urls = urls
  }

  async signIn(id: string, oneTimeCode: string): Promise<void> {
    const newPassword = `${oneTimeCode}-evening`
    const signed = await this.call('POST', '/api/session', {
      role: 'staff',
      id,
      password: oneTimeCode,
      newPassword,
    })
    this.#token = (signed as { readonly token: string }).token
  }

  /** By the first server that answers; rejects with what the last one said. */
  async call(method: string, path: string, body?: object): Promise<unknown> {
    let said = 'no server'
    for (const url of this.#urls) {
      try {
        const response = await fetch(url + path, {
          method,
          headers: {
            'content-type': 'application/json',
            ...(this.#token === '' ? {} : { authorization: `Bearer ${this.#token}` }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        })
        const text = await response.text()
        if (response.ok) return JSON.parse(text) as unknown
        said = text
      } catch (error) {
        said = (error as Error).message
      }
    }
    throw new Error(`${method} ${path}: ${said}`)
  }
}
