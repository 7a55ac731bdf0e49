/**
 * Where in the teacher's page: kept with the history of the tab, so that Back and Reload work. It stands in the
 * history's state and not in the address: ID numbers and names do not belong into addresses.
 */

/**
 * @typedef {{ view: 'classes' }
 *   | { view: 'class', class: string, state: string, offset: number }
 *   | { view: 'search', name: string, idSuffix: string, school: string, offset: number }
 *   | { view: 'candidate', candidate: string }} Route
 */

/** @type {Route} */
const START = { view: 'classes' }

/** @returns {Route} */
export function route() {
  return history.state ?? START
}

/** @param {Route} next @param {'push' | 'replace'} [how] */
export function go(next, how = 'push') {
  if (how === 'push') history.pushState(next, '')
  else history.replaceState(next, '')
  dispatchEvent(new Event('route'))
}

/** @param {() => void} listener */
export function onRoute(listener) {
  addEventListener('route', listener)
  addEventListener('popstate', listener)
}
