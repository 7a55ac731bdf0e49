import { FakeTier } from './fake-tier.ts'
import { httpContract } from './http-contract.ts'

httpContract('the fake tier', async () => new FakeTier())
