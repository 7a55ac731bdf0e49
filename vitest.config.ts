import { defineConfig } from 'vitest/config'

// One config for Node and Bun. What runs where, and how many tests each suite owes, is in test/suites.ts.
// Applications import the package by its name, and get its sources.
const conditions = ['spillway-source', 'node', 'import', 'module', 'default']

export default defineConfig({
  resolve: { conditions },
  // Of packages that are not transformed, Node itself picks what `import` and `require` get: forced to `import`, a
  // package of CommonJS that requires one with both kinds is given the wrong one.
  ssr: { resolve: { conditions, externalConditions: ['spillway-source', 'node', 'module-sync'] } },
  test: {
    include: ['test/**/*.test.ts', 'apps/*/test/**/*.test.ts'],
    environment: 'node',
    testTimeout: 20_000,
    hookTimeout: 20_000,
    passWithNoTests: false,
    allowOnly: false,
  },
})
