/** Building elements without markup in strings: nothing that came over the wire is ever parsed as HTML. */

const SVG = 'http://www.w3.org/2000/svg'

/**
 * @typedef {Node | string | number | false | undefined | null} Child
 * @typedef {Record<string, string | number | boolean | undefined | ((event: any) => void)>} Props
 */

/**
 * `h('button.primary', { type: 'button', onclick: save }, 'Save')`. Functions become listeners, `true` an empty
 * attribute; `false` and `undefined` leave it out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag | `${Tag}.${string}`} selector
 * @param {Props} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(selector, props = {}, ...children) {
  const [tag, ...classes] = selector.split('.')
  const element = document.createElement(/** @type {Tag} */ (tag))
  if (classes.length > 0) element.className = classes.join(' ')
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value)
    else if (value !== undefined && value !== false)
      element.setAttribute(name, value === true ? '' : String(value))
  }
  element.append(.../** @type {(Node | string)[]} */ (shown(children.flat())))
  return element
}

/** @param {Child[]} children */
function shown(children) {
  return children
    .filter((child) => child !== undefined && child !== null && child !== false)
    .map((child) => (typeof child === 'number' ? String(child) : child))
}

/** A picture of icons.svg; the words beside it or the label of its button say what it means. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('class', 'icon')
  svg.setAttribute('aria-hidden', 'true')
  const use = document.createElementNS(SVG, 'use')
  use.setAttribute('href', `/icons.svg#${name}`)
  svg.append(use)
  return svg
}

/**
 * Puts new content in the place of the old; the element with the same `data-key` gets the focus back.
 * @param {Element} place
 * @param {...Child} children
 */
export function fill(place, ...children) {
  const active = document.activeElement
  const key = place.contains(active) ? active?.getAttribute('data-key') : undefined
  place.replaceChildren(.../** @type {(Node | string)[]} */ (shown(children)))
  if (typeof key === 'string') focusKey(place, key)
}

/** @param {Element} place @param {string} key */
export function focusKey(place, key) {
  const again = place.querySelector(`[data-key="${CSS.escape(key)}"]`)
  if (again instanceof HTMLElement) again.focus({ preventScroll: true })
}

/** @param {string} id */
export function byId(id) {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`The page has no element ${id}.`)
  return found
}

/** Says it to those who listen to the page; the same words twice are said twice. @param {string} text */
export function announce(text) {
  const place = byId('announcer')
  place.textContent = place.textContent === text ? `${text}\u00a0` : text
}
