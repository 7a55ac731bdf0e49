/**
 * Ordering a list by dragging a handle, with mouse, pen or finger (pointer events). The list is not touched while
 * dragging: rows are only shifted, and the new place is told once, on release. Escape puts everything back.
 */

/** This close to an edge of what is visible, the page scrolls along. */
const EDGE_PX = 60
const SCROLL_PX = 14

/**
 * @param {HTMLElement} list its children are the rows, each with a `.handle`
 * @param {(from: number, to: number) => void} onMove
 */
export function orderByDrag(list, onMove) {
  list.addEventListener('pointerdown', (event) => {
    const handle = event.target instanceof Element ? event.target.closest('.handle') : null
    const row = handle?.closest('li')
    if (!(handle instanceof HTMLElement) || !(row instanceof HTMLElement) || event.button !== 0) return
    event.preventDefault()
    handle.focus({ preventScroll: true })
    drag(list, row, handle, event, onMove)
  })
}

/**
 * @param {HTMLElement} list
 * @param {HTMLElement} row
 * @param {HTMLElement} handle
 * @param {PointerEvent} start
 * @param {(from: number, to: number) => void} onMove
 */
function drag(list, row, handle, start, onMove) {
  const rows = /** @type {HTMLElement[]} */ ([...list.children])
  const from = rows.indexOf(row)
  const boxes = rows.map((one) => one.getBoundingClientRect())
  const own = /** @type {DOMRect} */ (boxes[from])
  const next = boxes[from + 1] ?? own
  const step = rows.length > from + 1 ? next.top - own.top : own.top - (boxes[from - 1]?.top ?? own.top)
  const startScroll = scrollY
  // What stands over the page below, such as the bar with the buttons, hides what is under it.
  const bottom = document.querySelector('.save-bar')?.getBoundingClientRect().top ?? innerHeight
  let pointerY = start.clientY
  let to = from
  let frame = 0
  const ended = new AbortController()
  const { signal } = ended

  const show = () => {
    const moved = pointerY - start.clientY + scrollY - startScroll
    row.style.transform = `translateY(${moved}px)`
    const centre = own.top + own.height / 2 + moved
    to = boxes.filter((box, at) => at !== from && box.top + box.height / 2 < centre).length
    rows.forEach((one, at) => {
      if (at === from) return
      const shift = at > from && at <= to ? -step : at < from && at >= to ? step : 0
      one.style.transform = shift === 0 ? '' : `translateY(${shift}px)`
    })
  }
  const scrollAlong = () => {
    const by = pointerY < EDGE_PX ? -SCROLL_PX : pointerY > bottom - EDGE_PX ? SCROLL_PX : 0
    if (by !== 0) {
      scrollBy(0, by)
      show()
    }
    frame = requestAnimationFrame(scrollAlong)
  }
  /** @param {boolean} isDrop */
  const end = (isDrop) => {
    ended.abort()
    cancelAnimationFrame(frame)
    list.classList.remove('ordering')
    row.classList.remove('lifted')
    for (const one of rows) one.style.transform = ''
    if (isDrop && to !== from) onMove(from, to)
  }

  list.classList.add('ordering')
  row.classList.add('lifted')
  handle.setPointerCapture(start.pointerId)
  handle.addEventListener(
    'pointermove',
    (event) => {
      pointerY = event.clientY
      show()
    },
    { signal },
  )
  handle.addEventListener('pointerup', () => end(true), { signal })
  handle.addEventListener('pointercancel', () => end(false), { signal })
  // However the capture goes, nothing may stay lifted.
  handle.addEventListener('lostpointercapture', () => end(false), { signal })
  addEventListener('keydown', (event) => event.key === 'Escape' && end(false), { signal })
  frame = requestAnimationFrame(scrollAlong)
}
