import { defineConfig } from 'vitest/config'

// One config for Node and Bun. What runs where, and how many tests each suite owes, is in test/suites.ts.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    testTimeout: 20_000,
    hookTimeout: 20_000,
    passWithNoTests: false,
    allowOnly: false,
  },
})
