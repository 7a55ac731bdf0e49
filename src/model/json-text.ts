/** The nesting bound of values is a rule of the model; the scan itself is in kit, where the server finds it too. */
export { checkNesting } from '../kit/json-text.ts'
