/**
 * What can be checked of an accessible page without a person, run inside the page. Answers sentences about what is
 * wrong; an empty list is no proof of a good page, but each sentence in it is one of a bad page.
 */
;(() => {
  const found = []
  const say = (element, what) => {
    const text = (element.textContent ?? '').trim().slice(0, 30)
    found.push(`<${element.tagName.toLowerCase()} ${element.id || element.className}> "${text}": ${what}`)
  }
  const dialog = document.querySelector('dialog[open]')
  const scope = dialog ?? document.body
  const isSeen = (element) =>
    element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && !element.closest('[hidden]')
  const all = (selector) => [...scope.querySelectorAll(selector)].filter(isSeen)

  // Names
  const named = (element) => {
    const by = element.getAttribute('aria-labelledby')
    const label = by === null ? undefined : document.getElementById(by)?.textContent
    const own = element.matches('input, select, textarea') ? '' : element.textContent
    return (
      element.getAttribute('aria-label') ??
      label ??
      element.labels?.[0]?.textContent ??
      own ??
      ''
    ).trim()
  }
  for (const element of all(
    'button, a[href], input:not([aria-hidden]), select, summary, [role=region], dialog, nav',
  ))
    if (named(element) === '') say(element, 'has no name')
  for (const element of all('section, form[role], [role=group]'))
    if (element.matches('[aria-labelledby]') && named(element) === '') say(element, 'is labelled by nothing')
  for (const element of all('img, svg'))
    if (element.getAttribute('aria-hidden') !== 'true' && !element.hasAttribute('alt'))
      say(element, 'has no text')
  for (const element of document.querySelectorAll('[aria-describedby]'))
    for (const id of element.getAttribute('aria-describedby').split(' '))
      if (document.getElementById(id) === null) say(element, `is described by ${id}, which is not there`)

  // Structure
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id)
  for (const id of new Set(ids.filter((one, at) => ids.indexOf(one) !== at)))
    found.push(`two elements are called ${id}`)
  if (document.querySelectorAll('main').length !== 1) found.push('there is not one main')
  if (document.title.trim() === '') found.push('the page has no title')
  if (!/^(zh-CN|en)$/.test(document.documentElement.lang)) found.push('the page has no language')
  const levels = [...document.querySelectorAll('h1, h2, h3')]
    .filter((one) => !one.closest('dialog'))
    .map((one) => Number(one.tagName[1]))
  if (levels.filter((level) => level === 1).length !== 1)
    found.push(`headings of level 1: ${levels.join(' ')}`)
  if (levels.some((level, at) => level > (levels[at - 1] ?? 0) + 1))
    found.push(`headings skip a level: ${levels.join(' ')}`)
  for (const element of all('[tabindex]')) if (element.tabIndex > 0) say(element, 'breaks the tab order')
  for (const table of all('table'))
    if (table.querySelector('th[scope=col]') === null) say(table, 'has no column heads')

  // Contrast
  const channels = (colour) => colour.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0]
  const over = ([r, g, b, a = 1], [R, G, B]) => [
    r * a + R * (1 - a),
    g * a + G * (1 - a),
    b * a + B * (1 - a),
  ]
  const groundOf = (element) => {
    const layers = []
    for (let one = element; one !== null; one = one.parentElement) {
      const colour = channels(getComputedStyle(one).backgroundColor)
      layers.push(colour)
      if ((colour[3] ?? 1) === 1) break
    }
    return layers.reduceRight((ground, layer) => over(layer, ground), [255, 255, 255])
  }
  const luminance = (colour) => {
    const [r, g, b] = colour.map((one) =>
      one / 255 <= 0.04045 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4,
    )
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const contrast = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a)
    return (light + 0.05) / (dark + 0.05)
  }
  for (const element of all('*')) {
    const hasText = [...element.childNodes].some(
      (node) => node.nodeType === 3 && node.textContent.trim() !== '',
    )
    const isOff = element.closest('[aria-disabled=true], .unseen, .skip') !== null
    if (!hasText || isOff) continue
    const style = getComputedStyle(element)
    const ground = groundOf(element)
    const size = Number.parseFloat(style.fontSize)
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700)
    const ratio = contrast(over(channels(style.color), ground), ground)
    if (ratio < (isLarge ? 3 : 4.5)) say(element, `has a contrast of ${ratio.toFixed(2)}`)
  }
  for (const element of all('input:not(.unseen), select')) {
    const ratio = contrast(channels(getComputedStyle(element).borderColor), groundOf(element.parentElement))
    if (ratio < 3) say(element, `has an edge with a contrast of ${ratio.toFixed(2)}`)
  }

  // Size
  for (const element of all('button, a[href], input:not(.unseen), summary')) {
    const { width, height } = element.getBoundingClientRect()
    if (!element.matches('.skip') && (width < 24 || height < 24))
      say(element, `is only ${width} by ${height} px`)
  }
  if (document.documentElement.scrollWidth > innerWidth)
    found.push(`the page is wider than the window: ${document.documentElement.scrollWidth} px`)
  return found
})()
