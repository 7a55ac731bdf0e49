/** Who the candidate is, and what came out of the exams. */
import { h } from '../shared/dom.js'
import { language, say } from '../shared/language.js'

/**
 * @typedef {{ candidate: string, number: string, name: string, highSchool: string, class: string }} Person
 * @typedef {{ track: string, subjects: { subject: string, score: number }[], total: number, rank: number }} Exam
 */

/** @type {Record<string, import('../shared/language.js').Word>} */
const SUBJECTS = {
  chinese: 'subject-chinese',
  mathematics: 'subject-mathematics',
  english: 'subject-english',
  physics: 'subject-physics',
  history: 'subject-history',
  chemistry: 'subject-chemistry',
  biology: 'subject-biology',
  politics: 'subject-politics',
  geography: 'subject-geography',
}

/** @param {string} code */
const subjectName = (code) => (SUBJECTS[code] === undefined ? code : say(SUBJECTS[code]))

/** Enough to know one's own by; the rest is nobody's business over the shoulder. @param {string} id */
const masked = (id) => `${id.slice(0, 6)}········${id.slice(-4)}`

/** From this width on there is a column beside the form for all of it. */
const ROOM = '(min-width: 60rem)'

/** @param {Person} person @param {Exam | undefined} exam */
export function examCard(person, exam) {
  const number = new Intl.NumberFormat(language())
  return [
    h('h2', { id: 'exam-title' }, say('exam')),
    exam === undefined
      ? h('p.hint', {}, say('no-exam'))
      : h(
          'dl.totals',
          {},
          fact(say('total'), number.format(exam.total)),
          fact(say('rank', { track: subjectName(exam.track) }), number.format(exam.rank)),
        ),
    h(
      'details',
      { open: matchMedia(ROOM).matches },
      h('summary', {}, say('exam-details')),
      h(
        'dl.scores',
        {},
        exam?.subjects.map(({ subject, score }) => fact(subjectName(subject), number.format(score))),
      ),
      h(
        'dl.who',
        {},
        fact(say('name'), person.name),
        fact(say('exam-number'), person.number),
        fact(say('id-number'), masked(person.candidate)),
        fact(say('high-school'), person.highSchool),
      ),
    ),
  ]
}

/** @param {string} name @param {string} value */
function fact(name, value) {
  return h('div', {}, h('dt', {}, name), h('dd', {}, value))
}
