import { expect, test } from 'vitest'
import { spillway } from '../scenarios/served.ts'

interface DemoJson {
  readonly ok: boolean
  readonly acknowledged: number
  readonly findingsCount: number
  readonly atKill: { readonly inFlight: number; readonly unlanded: number }
  readonly ledgerBalances: boolean
  readonly seconds: number
}

test(
  'the demo kills a server under load and proves that nothing acknowledged was lost',
  { timeout: 90_000 },
  async () => {
    const { code, out, err } = await spillway(['demo', '--json'])
    expect(code, err + out).toBe(0)
    const report = JSON.parse(out) as DemoJson
    expect(report).toMatchObject({ ok: true, findingsCount: 0, ledgerBalances: true })
    expect(report.atKill.inFlight).toBeGreaterThan(0)
    expect(report.atKill.unlanded).toBeGreaterThan(0)
    expect(report.acknowledged).toBeGreaterThan(1_000)
    expect(report.seconds).toBeLessThan(60)
  },
)

test(
  'a server that acknowledges before the journal has it makes the demo fail',
  { timeout: 90_000 },
  async () => {
    const { code, out } = await spillway(['demo', '--json', '--sabotage', 'ack-before-journal'])
    expect(code).toBe(1)
    expect((JSON.parse(out) as DemoJson).findingsCount).toBeGreaterThan(0)
  },
)

test('piped, the report is plain: no colour, no moving lines', { timeout: 90_000 }, async () => {
  const { code, out, err } = await spillway(['demo'])
  expect(code, err).toBe(0)
  expect(out).toContain('PASS')
  expect(out + err).not.toContain('\u001b')
  expect(out + err).not.toContain('\r')
})
