import { embedded } from './embedded.ts'
import { recordPromises } from './record-promises.ts'

recordPromises(embedded, { alone: true })
