import { createSecretKey } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { receiptOf } from '../../checker/receipt.ts'
import { decideConfirm, decideSave } from '../../src/domain/form.ts'
import type { Form, FormDecision, StandingForm } from '../../src/domain/form.ts'
import { receiptNumber } from '../../src/domain/receipt-number.ts'
import { savingWindow, windowState } from '../../src/domain/window.ts'

const window = { opens: '2026-06-26T01:00:00.000Z', closes: '2026-06-28T09:00:00.000Z' }
const open = { window, sealed: false, nowMs: Date.parse('2026-06-27T00:00:00Z') }
const choices = [{ school: '10001', major: '0101' }]
const saved: Form = { state: 'saved', choices, saves: 3, receipt: 'R', savedAt: '2026-06-26T02:00:00.000Z' }
const standing: StandingForm = { version: 42, form: saved }

const save = (now: StandingForm, ifVersion: number, moment = open): FormDecision =>
  decideSave('c', now, { choices, ifVersion }, moment, () => 'R2')

test('a save goes on from the version that it was decided on, and counts', () => {
  expect(save(standing, 42)).toEqual({
    kind: 'write',
    ifVersion: 42,
    form: { state: 'saved', choices, saves: 4, receipt: 'R2', savedAt: '2026-06-27T00:00:00.000Z' },
  })
  expect(save({ version: 0, form: undefined }, 0)).toMatchObject({
    kind: 'write',
    ifVersion: 0,
    form: { saves: 1 },
  })
})

test('who looked at another version is refused', () => {
  expect(save(standing, 41)).toEqual({ kind: 'refuse', code: 'version-mismatch' })
  expect(save(standing, 0)).toEqual({ kind: 'refuse', code: 'version-mismatch' })
})

test('a confirmed form takes no save and no second confirmation, whatever version is named', () => {
  const confirmed: StandingForm = { version: 43, form: { ...saved, state: 'confirmed', confirmedAt: 'x' } }
  for (const version of [0, 42, 43]) {
    expect(save(confirmed, version)).toEqual({ kind: 'refuse', code: 'form-locked' })
    expect(decideConfirm(confirmed, version, open)).toEqual({ kind: 'refuse', code: 'form-locked' })
  }
})

test('a confirmation changes nothing but state and time', () => {
  expect(decideConfirm(standing, 42, open)).toEqual({
    kind: 'write',
    ifVersion: 42,
    form: { ...saved, state: 'confirmed', confirmedAt: '2026-06-27T00:00:00.000Z' },
  })
  expect(decideConfirm({ version: 0, form: undefined }, 0, open)).toEqual({
    kind: 'refuse',
    code: 'nothing-to-confirm',
  })
})

test('the window takes its first moment and not its last; a seal ends it whatever the clock says', () => {
  const at = (instant: string): string => windowState(window, false, Date.parse(instant))
  expect(at('2026-06-26T00:59:59.999Z')).toBe('before')
  expect(at('2026-06-26T01:00:00.000Z')).toBe('open')
  expect(at('2026-06-28T08:59:59.999Z')).toBe('open')
  expect(at('2026-06-28T09:00:00.000Z')).toBe('closed')
  expect(windowState(window, true, open.nowMs)).toBe('sealed')
  expect(save(standing, 42, { ...open, sealed: true })).toEqual({ kind: 'refuse', code: 'sealed' })
})

test('a window needs zones and its ends in order', () => {
  expect(savingWindow('2026-06-26T09:00:00+08:00', '2026-06-28T17:00:00+08:00')).toEqual(window)
  expect(savingWindow('2026-06-26T09:00:00', '2026-06-28T17:00:00+08:00')).toContain('opens')
  expect(savingWindow('2026-06-28T17:00:00+08:00', '2026-06-26T09:00:00+08:00')).toContain('before')
  expect(savingWindow('2026-06-26T09:00:00Z', undefined)).toContain('closes')
})

test('a receipt is what the independent checker works out, and changes with every part of the form', () => {
  const bytes = Buffer.alloc(32, 1)
  const key = createSecretKey(bytes)
  const other = createSecretKey(Buffer.alloc(32, 2))
  const code = fc.stringMatching(/^[0-9]{1,6}$/)
  const lists = fc.array(fc.record({ school: code, major: code }), { maxLength: 5 })
  fc.assert(
    fc.property(lists, lists, (a, b) => {
      const receipt = receiptNumber(key, 'c', 't', a)
      expect(receipt).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$/)
      expect(receiptOf(bytes, 'c', 't', a)).toBe(receipt)
      if (JSON.stringify(a) !== JSON.stringify(b)) expect(receiptNumber(key, 'c', 't', b)).not.toBe(receipt)
      expect(receiptNumber(key, 'd', 't', a)).not.toBe(receipt)
      expect(receiptNumber(other, 'c', 't', a)).not.toBe(receipt)
    }),
  )
})
