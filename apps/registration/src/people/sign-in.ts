/**
 * Signing in and out.
 *
 *   imported secret            first sign-in               afterwards
 *   ──────────────────         ─────────────────────       ─────────────────────────────
 *   one-time code (keyed)  ──▶ code + new password ──────▶ password (slow hash) in `credential`
 *   ready hash             ──▶ password ─────────────────▶ the imported hash, until it is changed
 *
 * The credential is written on the condition that nothing came between, so that a code opens one account once.
 * A right password is remembered for a while under a keyed hash of it and of the credential's version: signing in
 * again does not cost the slow hash, and a changed password is not remembered.
 */
import { createHmac } from 'node:crypto'
import { isSpillwayError } from 'spillway'
import type { RecordOf } from 'spillway'
import { instantOf } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { idNumberProblem, normalIdNumber } from '../domain/id-number.ts'
import { passwordProblem } from '../domain/password-rule.ts'
import { isLogin } from '../domain/person.ts'
import type { Person, Role } from '../domain/person.ts'
import { Problem } from '../problem.ts'
import type { Credential } from '../store/collections.ts'
import type { Store } from '../store/store.ts'
import { BoundedMap } from './bounded-map.ts'
import type { GuessLimit } from './guess-limit.ts'
import type { Keys } from './keys.ts'
import {
  NO_SECRET,
  codeMatches,
  codeSecret,
  isCodeSecret,
  newOneTimeCode,
  passwordMatches,
  passwordSecret,
} from './secret.ts'
import type { SlowHashCost } from './slow-hash.ts'
import type { Session, SessionTokens } from './session-token.ts'
import type { SlowHash } from './slow-hash.ts'

export interface SignInRequest {
  readonly role: Role
  readonly id: string
  readonly password: string
  readonly newPassword?: string
  readonly address: string
}

export interface SignedIn extends Person {
  readonly name: string
  readonly token: string
  readonly expiresAt: string
}

export interface SignInParts {
  readonly store: Store
  readonly clock: Clock
  readonly keys: Keys
  readonly tokens: SessionTokens
  readonly slowHash: SlowHash
  readonly cost: SlowHashCost
  readonly guesses: GuessLimit
}

const REMEMBERED_MS = 30 * 60_000
const REMEMBERED_MAX = 100_000

/** What there is to know about somebody who wants to sign in. */
interface Account {
  readonly name: string
  readonly secret: string
  /** Of the credential record; 0 = there is none yet, the imported secret counts. */
  readonly version: number
}

export class SignIn {
  readonly #parts: SignInParts
  readonly #remembered = new BoundedMap<string, number>(REMEMBERED_MAX)

  constructor(parts: SignInParts) {
    this.#parts = parts
  }

  async signIn(request: SignInRequest): Promise<SignedIn> {
    const person = personOf(request)
    const { guesses, clock, tokens } = this.#parts
    const whom = credentialKey(person)
    guesses.check(whom, request.address)
    guesses.count(whom, request.address)
    let account: Account
    let isRight: boolean
    try {
      account = await this.#account(person)
      isRight = await this.#isRight(whom, account, request.password)
    } catch (error) {
      guesses.takeBack(whom, request.address)
      throw error
    }
    if (!isRight) throw wrong()
    const epoch = isCodeSecret(account.secret)
      ? await this.#firstSignIn(whom, account, request)
      : account.version
    guesses.clear(whom, request.address)
    const { token, expiresAt } = tokens.make(person, epoch, clock.now())
    return { ...person, name: account.name, token, expiresAt }
  }

  /** The person of a token, if the credential is still the one that it was made with. */
  async session(token: string): Promise<Session | undefined> {
    const session = this.claimed(token)
    return session !== undefined && (await this.stands(session)) ? session : undefined
  }

  /** Who the token says it is: signed by us and not over, but perhaps ended since. */
  claimed(token: string): Session | undefined {
    return this.#parts.tokens.read(token, this.#parts.clock.now())
  }

  /** Whether a claimed session was not ended. */
  async stands(session: Session): Promise<boolean> {
    const credential = await this.#parts.store.credentials.getJson(credentialKey(session))
    return (credential?.version ?? 0) === session.epoch
  }

  async nameOf(person: Person): Promise<string> {
    return (await this.#account(person)).name
  }

  /** Ends every session of the person, on all devices. */
  async signOut(person: Person): Promise<void> {
    const { store, clock } = this.#parts
    const account = await this.#account(person)
    const credential: Credential = {
      secret: account.secret,
      because: 'sign-out',
      setAt: instantOf(clock.now()),
    }
    try {
      await store.credentials.put(credentialKey(person), credential, { ifVersion: account.version })
    } catch (error) {
      // Somebody wrote the credential in between: that ended the sessions as well.
      if (!isSpillwayError(error, 'version-mismatch')) throw error
    }
  }

  /** A new one-time code in place of the password; ends every session. */
  async reset(person: Person, because: 'reset' | 'created' = 'reset'): Promise<string> {
    const { store, clock, keys, guesses } = this.#parts
    const code = newOneTimeCode()
    const whom = credentialKey(person)
    const secret = codeSecret(keys.oneTimeCode, whom, code)
    await store.credentials.put(whom, { secret, because, setAt: instantOf(clock.now()) })
    guesses.clear(whom, '')
    return code
  }

  async #account(person: Person): Promise<Account> {
    const { store } = this.#parts
    const [credential, known] = await Promise.all([
      store.credentials.get(credentialKey(person)),
      person.role === 'staff' ? undefined : this.#known(person),
    ])
    // What was imported counts only until a credential is written: a reset must not leave the old way open.
    const secret = credential?.value.secret ?? known?.firstSecret ?? NO_SECRET
    return { name: known?.name ?? person.id, secret, version: versionOf(credential) }
  }

  async #known(person: Person): Promise<{ name: string; firstSecret: string } | undefined> {
    const { candidates, teachers } = this.#parts.store
    const record = await (person.role === 'candidate' ? candidates.get(person.id) : teachers.get(person.id))
    return record?.value
  }

  async #isRight(whom: string, account: Account, password: string): Promise<boolean> {
    const { keys, slowHash, clock } = this.#parts
    const { secret } = account
    if (isCodeSecret(secret)) return codeMatches(keys.oneTimeCode, whom, password, secret)
    if (secret === NO_SECRET) {
      // As slow as a wrong password, so that the answer's time does not tell who exists.
      await passwordSecret(slowHash, password, this.#parts.cost)
      return false
    }
    const memory = createHmac('sha256', keys.cache).update(`${whom}\n${secret}\n${password}`).digest('base64')
    if ((this.#remembered.get(memory) ?? 0) > clock.now()) return true
    if (!(await passwordMatches(slowHash, password, secret))) return false
    this.#remembered.set(memory, clock.now() + REMEMBERED_MS)
    return true
  }

  /** Puts the password in the place of the code; the version of the new credential. */
  async #firstSignIn(whom: string, account: Account, request: SignInRequest): Promise<number> {
    const { store, clock, slowHash, cost, guesses } = this.#parts
    const { newPassword } = request
    if (newPassword === undefined) {
      guesses.clear(whom, request.address)
      throw new Problem(
        403,
        'new-password-needed',
        'The one-time code is right: choose a password of your own now (send the same again with newPassword).',
      )
    }
    const problem = passwordProblem(newPassword, request.password)
    if (problem !== undefined) {
      guesses.clear(whom, request.address)
      throw new Problem(400, 'weak-password', problem)
    }
    const secret = await passwordSecret(slowHash, newPassword, cost)
    const credential: Credential = { secret, because: 'first-sign-in', setAt: instantOf(clock.now()) }
    try {
      const receipt = await store.credentials.put(whom, credential, { ifVersion: account.version })
      return receipt.version
    } catch (error) {
      // The code was used up a moment ago, by the same person twice or by somebody else.
      if (isSpillwayError(error, 'version-mismatch')) throw wrong()
      throw error
    }
  }
}

export function credentialKey(person: Person): string {
  return `${person.role}/${person.id}`
}

function personOf({ role, id }: SignInRequest): Person {
  if (role !== 'candidate') {
    if (!isLogin(id)) throw wrong()
    return { role, id }
  }
  const normal = normalIdNumber(id)
  const problem = idNumberProblem(normal)
  if (problem !== undefined) throw new Problem(400, 'invalid-id-number', problem)
  return { role, id: normal }
}

function versionOf(record: RecordOf<unknown> | undefined): number {
  return record?.version ?? 0
}

function wrong(): Problem {
  return new Problem(401, 'wrong-credentials', 'The ID or the password is wrong.')
}
