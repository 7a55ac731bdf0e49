// The arrows between the folders of src, one named rule each. Read top to bottom it is the structure:
// errors, events, findings <- kit <- model <- ports <- engine; runtime -> kit; drivers -> ports, model, kit, runtime;
// stores.ts picks drivers, open.ts puts engine and stores together; server, cli and client stand outside, on the public exports.

const src = (...names) => names.map((name) => `^src/${name}`)
const catalogues = src('errors\\.ts$', 'events\\.ts$', 'findings\\.ts$')
const builtin = ['core']
const npm = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-bundled', 'npm-no-pkg', 'npm-unknown']

/** A rule of the form "this folder may import these and nothing else of src". */
const onlySees = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: '^src/', pathNot: [...from, ...allowed] },
})

export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Files in a cycle cannot be understood, tested or replaced one at a time.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolved',
      comment: 'An import that resolves to nothing fails when the line runs, which may be in an outage.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^bun:' },
    },
    {
      name: 'catalogues-import-nothing',
      comment:
        'errors.ts, events.ts and findings.ts are read by people and by every layer: a catalogue with imports would drag a layer along.',
      severity: 'error',
      from: { path: catalogues },
      to: { pathNot: catalogues },
    },
    onlySees(
      'kit-knows-no-spillway',
      src('kit/'),
      catalogues,
      'kit holds clock, randomness, codecs and queues that would serve any program; it must not know what a journal is.',
    ),
    onlySees(
      'model-is-decisions-only',
      src('model/'),
      [...catalogues, ...src('kit/')],
      'model turns state and event into the next state; seeing a port would let it do I/O, and it could not be checked as a function.',
    ),
    onlySees(
      'ports-speak-the-domain',
      src('ports/'),
      [...catalogues, ...src('kit/', 'model/')],
      'A port says what the engine needs in words of the model; a client type of a store in it would bind every other store to that client.',
    ),
    onlySees(
      'engine-sees-no-driver',
      src('engine/'),
      [...catalogues, ...src('kit/', 'model/', 'ports/', 'options/')],
      'The simulator runs this very engine on simulated stores; an engine that reaches for a driver or a runtime escapes it.',
    ),
    {
      name: 'inner-layers-do-no-io',
      comment:
        'model, ports and engine import no builtin of Node and no package (types of Standard Schema apart): what they do to the world goes through a port or kit, where it can be simulated.',
      severity: 'error',
      from: { path: src('model/', 'ports/', 'engine/') },
      to: {
        dependencyTypes: [...builtin, ...npm],
        pathNot: ['^node_modules/@standard-schema/', '^@standard-schema/'],
      },
    },
    onlySees(
      'runtime-sees-kit',
      src('runtime/'),
      [...catalogues, ...src('kit/')],
      'runtime is only the difference between Node and Bun; anything of Spillway in it would exist twice.',
    ),
    onlySees(
      'options-are-plain-data',
      src('options/'),
      [...catalogues, ...src('kit/', 'model/')],
      'Options are declared once as data, from which validation, help and pages follow; they start nothing.',
    ),
    onlySees(
      'drivers-see-ports-and-below',
      src('drivers/'),
      [...catalogues, ...src('kit/', 'model/', 'ports/', 'runtime/')],
      'A driver fulfils a port. One that calls the engine decides something that every other driver would have to decide again.',
    ),
    {
      name: 'drivers-are-strangers',
      comment:
        'A driver that leans on another cannot be left out, replaced or written by a third party; what two need belongs in kit, model or runtime.',
      severity: 'error',
      from: { path: '^src/drivers/([^/]+)/' },
      to: { path: '^src/drivers/', pathNot: '^src/drivers/$1/' },
    },
    {
      name: 'only-stores-picks-drivers',
      comment:
        'stores.ts is the one place that picks drivers, for the composition root open.ts (testing composes the engine with its fakes): a second one would pick differently some day.',
      severity: 'error',
      from: { path: '^src/', pathNot: src('stores\\.ts$', 'drivers/', 'testing/') },
      to: { path: '^src/drivers/' },
    },
    {
      name: 'testing-uses-the-memory-driver-only',
      comment:
        'The simulator must run anywhere and always the same: its stores are its own and the process-memory front, never a real server or file.',
      severity: 'error',
      from: { path: '^src/testing/' },
      to: { path: '^src/drivers/', pathNot: '^src/drivers/memory/' },
    },
    {
      name: 'engine-is-entered-through-open',
      comment: 'Whoever holds engine parts without open.ts holds a tier without its limits and checks.',
      severity: 'error',
      from: { path: '^src/', pathNot: src('engine/', 'open\\.ts$', 'index\\.ts$', 'testing/') },
      to: { path: '^src/engine/' },
    },
    {
      name: 'surfaces-use-public-exports',
      comment:
        'server, cli and client live from what a user can import (kit and runtime apart): what they lack, users lack too, and it is added there.',
      severity: 'error',
      from: { path: src('server/', 'cli/', 'client/') },
      to: {
        path: src(
          'engine/',
          'model/',
          'ports/',
          'drivers/',
          'open\\.ts$',
          'stores\\.ts$',
          'testing/(?!index)',
        ),
      },
    },
    {
      name: 'library-knows-no-surface',
      comment: 'The library is embedded in programs that have their own server and command line.',
      severity: 'error',
      from: { path: '^src/', pathNot: src('server/', 'cli/', 'client/') },
      to: { path: src('server/', 'cli/', 'client/') },
    },
    {
      name: 'client-stands-alone',
      comment:
        'spillway/client runs in programs that have no store: it carries neither library nor server along, only types of the library.',
      severity: 'error',
      from: { path: '^src/client/' },
      to: {
        path: '^src/',
        pathNot: [...catalogues, ...src('kit/', 'client/')],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'testing-is-not-shipped-inside',
      comment: 'Fakes and the simulator are for tests; production code that imports them has a fake in it.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/testing/' },
      to: { path: '^src/testing/' },
    },
    {
      name: 'src-stands-alone',
      comment: 'src is what is shipped; tests, benches, scripts and apps are not.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts|apps)/' },
    },
    {
      name: 'src-ships-with-its-dependencies',
      comment:
        'A development dependency is absent where the package is installed (optional peers are loaded on use).',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm-peer'] },
    },
    {
      name: 'apps-are-users',
      comment:
        'An application shows that the public exports are enough; one that reaches for more shows that they are not.',
      severity: 'error',
      from: { path: '^apps/' },
      to: { path: '^(src|test|scripts|bench)/', pathNot: src('index\\.ts$', 'client/index\\.ts$') },
    },
    {
      name: 'benches-use-public-exports',
      comment: 'They measure what a user gets; a shortcut into src would measure something nobody has.',
      severity: 'error',
      from: { path: '^bench/' },
      to: {
        path: '^src/',
        pathNot: src('index\\.ts$', 'client/index\\.ts$', 'testing/index\\.ts$', 'runtime/', 'kit/'),
      },
    },
    {
      name: 'checkers-import-nothing-of-ours',
      comment:
        'A checker that shares code with what wrote the rows shares its mistakes, and proves nothing about them.',
      severity: 'error',
      from: { path: '^apps/[^/]+/checker/' },
      to: { path: '^(src|apps/[^/]+/src|test|bench|scripts)/' },
    },
    {
      name: 'verdicts-import-nothing-of-src',
      comment: 'A program that judges killed processes must not share a mistake with what it judges.',
      severity: 'error',
      from: { path: '^test/scenarios/.*verdict' },
      to: { path: '^src/' },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '^dist/'] },
    exclude: { path: ['^dist/', '^\\.cache/'] },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    builtInModules: { add: ['bun', 'bun:sqlite', 'bun:test', 'bun:ffi', 'bun:jsc'] },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      extensions: ['.ts', '.js', '.mjs', '.json'],
      conditionNames: ['spillway-source', 'types', 'import', 'node', 'default'],
    },
  },
}
