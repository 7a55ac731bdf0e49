/** The whole HTTP side as one fetch-style handler. */
import { Hono } from 'hono'
import { Problem } from '../problem.ts'
import type { Services } from '../services.ts'
import { answerProblem } from './answer-problem.ts'
import { candidateRoutes } from './candidate-routes.ts'
import type { RequestEnvironment } from './environment.ts'
import { publicRoutes } from './public-routes.ts'
import { ownOrigin, pageHeaders } from './security.ts'
import { staffRoutes } from './staff-routes.ts'
import type { StaticFiles } from './static-files.ts'
import { teacherRoutes } from './teacher-routes.ts'

export type App = Hono<RequestEnvironment>

export function makeApp(
  services: Services,
  pages: StaticFiles,
  onDefect: (error: unknown) => void = () => undefined,
): App {
  const app = new Hono<RequestEnvironment>()
  app.onError((error) => answerProblem(error, onDefect))
  app.use('/api/*', ownOrigin)
  app.route('/', candidateRoutes(services))
  app.route('/', publicRoutes(services))
  app.route('/', teacherRoutes(services))
  app.route('/', staffRoutes(services, onDefect))
  app.all('/api/*', () => {
    throw new Problem(404, 'not-found', 'There is no such route; docs/http-api.md lists them.')
  })
  app.get('*', pageHeaders, async (context) => {
    const answer = await pages.answer(context.req.path, context.req.header('if-none-match'))
    return answer ?? context.text('Not found', 404)
  })
  return app
}
