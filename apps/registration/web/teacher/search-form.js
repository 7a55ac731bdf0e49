/** Searching own candidates by name, end of the ID number, or a school among their choices. */
import { findSchools, loadSchools, nameOf } from '../shared/catalogue.js'
import { announce, h, icon } from '../shared/dom.js'
import { say } from '../shared/language.js'
import { go } from './route.js'

const OFFERED = 12
/** On less width it would push the classes out of sight. */
const ROOM = '(min-width: 36rem)'

/** The code of a school from what was typed or picked: its code, its name, or the only one that fits. @param {string} text */
function schoolCode(text) {
  const { found } = findSchools(text)
  const exact = found.find((one) => [one.school, one.name, one.nameEn].includes(text))
  return exact?.school ?? (found.length === 1 ? found[0]?.school : undefined)
}

export function searchForm() {
  const schools = h('datalist', { id: 'schools-offered' })
  const name = field('search-name', say('name'))
  const idSuffix = field('search-id', say('id-suffix'), { maxlength: 8, autocapitalize: 'characters' })
  const school = field('search-school', say('school-chosen'), {
    list: 'schools-offered',
    oninput: () => {
      const { found } = findSchools(school.input.value)
      schools.replaceChildren(
        ...found.slice(0, OFFERED).map((one) => h('option', { value: nameOf(one) }, one.school)),
      )
    },
  })
  const error = h('p.error', { id: 'search-error', hidden: true })
  /** @param {string} text @param {HTMLInputElement} input */
  const fail = (text, input) => {
    error.replaceChildren(icon('alert'), text)
    error.hidden = false
    input.setAttribute('aria-invalid', 'true')
    input.setAttribute('aria-describedby', 'search-error')
    input.focus()
    announce(text)
  }
  const submit = async () => {
    error.hidden = true
    for (const { input } of [name, idSuffix, school]) {
      input.removeAttribute('aria-invalid')
      input.removeAttribute('aria-describedby')
    }
    const asked = { name: name.input.value.trim(), idSuffix: idSuffix.input.value.trim() }
    const wanted = school.input.value.trim()
    if (asked.name === '' && asked.idSuffix === '' && wanted === '')
      return fail(say('search-missing'), name.input)
    if (asked.idSuffix !== '' && !/^[\dXx]{4,8}$/.test(asked.idSuffix))
      return fail(say('id-suffix-wrong'), idSuffix.input)
    if (wanted !== '') await loadSchools()
    const code = wanted === '' ? '' : schoolCode(wanted)
    if (code === undefined) return fail(say('school-unknown'), school.input)
    go({ view: 'search', ...asked, school: code, offset: 0 })
  }
  void loadSchools().catch(() => undefined)
  const form = h(
    'form.search',
    {
      role: 'search',
      'aria-label': say('search'),
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault()
        void submit()
      },
    },
    name.place,
    idSuffix.place,
    school.place,
    schools,
    h('button.primary', { type: 'submit' }, icon('search'), say('search-button')),
    error,
  )
  return h('details.card', { open: matchMedia(ROOM).matches }, h('summary', {}, say('search')), form)
}

/** @param {string} id @param {string} label @param {import('../shared/dom.js').Props} [attributes] */
function field(id, label, attributes = {}) {
  const input = h('input', { id, type: 'text', autocomplete: 'off', 'data-key': id, ...attributes })
  return { input, place: h('div.field', {}, h('label', { for: id }, label), input) }
}
