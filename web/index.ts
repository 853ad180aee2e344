/** varve/web: the JSON API and the admin page as one Hono app.
 * @module */
export { createApp, ROUTES } from './app.ts'
export type { Access, App, AppOptions, Asker, Login, Role, Route, Scope } from './context.ts'
export { DEFAULT_LIMITS, type Limits } from './limits.ts'
export type { Problem } from './problems.ts'
export { hashToken, newToken, type TokenAccess, type TokenAccessOptions, tokenAccess } from './security.ts'
