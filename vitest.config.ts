import { defineConfig } from 'vitest/config'

// One config for Node and Bun. What runs where, and how many tests each suite owes, is in test/suites.ts.
// Applications import the package by its name, and get its sources.
const conditions = ['spillway-source', 'node', 'import', 'module', 'default']

export default defineConfig({
  resolve: { conditions },
  // vitest starts Node with these: with `import` among them, what a package of CommonJS requires would come as an ES
  // module (mysql2 and its `long`).
  ssr: {
    resolve: { conditions: ['spillway-source', 'node'], externalConditions: ['spillway-source', 'node'] },
  },
  test: {
    include: ['test/**/*.test.ts', 'apps/*/test/**/*.test.ts'],
    environment: 'node',
    testTimeout: 20_000,
    hookTimeout: 20_000,
    passWithNoTests: false,
    allowOnly: false,
  },
})
