/** What every part of the app shares: who may do what, the route table's row, and the parts a handler works with.
 *
 * The route table is the only way to register a route. A row names its scope, its query parameters and the content
 * types of its body, and the guard refuses everything the row does not name.
 * @module */
import type { Context, Hono } from 'hono'
import type { Clock, ErrorCode, Random, Storage, Store } from '../src/index.ts'
import type { Jobs } from './api/jobs.ts'
import type { Limits, Slots } from './limits.ts'
import type { ParameterKey, Query } from './parameters.ts'

/** Each role may do what the ones before it may: `read`, then `append`, then `admin`. */
export type Role = 'read' | 'append' | 'admin'

/** Who is asking: a role, and a name for the record of what admins did. */
export interface Asker {
  readonly role: Role
  /** Never a secret. Default: the peer. */
  readonly actor?: string
}

/** Decide who is asking. May throw `RATE_LIMITED`; `undefined` means nobody known. */
// biome-ignore lint/suspicious/noExplicitAny: the embedding app's own context type.
export type Access = (c: Context<any>) => Role | Asker | undefined | Promise<Role | Asker | undefined>

/** Where a person with a login code gets a session. `tokenAccess` makes one. */
export interface Login {
  /** Exchange a single-use code for a session cookie. @returns false when the code is wrong, old or used.
   * @throws {VarveError} `RATE_LIMITED`. */
  logIn(c: Context, code: string): Promise<boolean>
  /** End the session of this request, if there is one. */
  logOut(c: Context): Promise<void>
}

export interface AppOptions {
  /** Who may do what. Without it, everything but `/health` answers 401. */
  readonly access?: Access
  /** Turns on `/login` and `/logout`. */
  readonly login?: Login
  /** Hosts that may be named by a request: `name` (default port), `name:port` or `name:*`.
   * Default loopback names on any port; `any` leaves the check to the app around this one. */
  readonly hosts?: readonly string[] | 'any'
  /** Further origins (`https://name`) whose pages may send unsafe requests. Default none but the app's own. */
  readonly origins?: readonly string[]
  /** Who is at the other end, for limits per peer. Default one peer for all. */
  readonly peer?: (c: Context) => string
  /** Ends all streams and jobs when aborted; new ones are refused. */
  readonly signal?: AbortSignal
  readonly limits?: Partial<Limits>
  /** Where snapshots are restored to as stores of their own: the storage for a name, such as a directory of that name
   * below one that is kept for this. The name is one that a topic may have. Without it such restores answer 501. */
  readonly restoreTo?: (name: string) => Storage
  readonly clock?: Clock
  readonly random?: Random
  /** Called once per failure that is the server's own, for its log. Must not throw. */
  readonly onError?: (error: unknown, facts: { readonly requestId: string }) => void
}

/** What handlers work with. */
export interface Shared {
  readonly store: Store
  readonly options: AppOptions
  readonly limits: Limits
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
  /** Called when `signal` aborts. A set, because a signal with a listener per stream would alarm some runtimes. */
  readonly onStop: Set<() => void>
  readonly streams: Slots
  readonly requests: Slots
  readonly jobs: Jobs
  readonly routes: readonly Route[]
}

/** Facts of one request. */
export interface RequestFacts {
  readonly requestId: string
  route?: Route
  role?: Role
  /** Who is asking, by name. */
  actor?: string
  /** The request has a precondition in its headers. */
  preconditioned?: boolean
  query: Query
  /** Path below which the app is mounted, without a slash at its end. */
  base: string
}

export type WebEnv = { Variables: { varve: RequestFacts } }
export type WebContext = Context<WebEnv>
export type App = Hono<WebEnv>

export type Scope = 'open' | Role

/** One row of the route table. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  /** `open`: for everybody, as long as the app has an `access` option. */
  readonly scope: Scope
  /** How errors are told: problem JSON or a page. */
  readonly answers: 'json' | 'html'
  readonly summary: string
  readonly query?: readonly ParameterKey[]
  /** Content types of the body, if the route takes one. */
  readonly body?: readonly string[]
  /** JSON schema of a JSON body. */
  readonly schema?: Readonly<Record<string, unknown>>
  /** The body may be missing. */
  readonly bodyOptional?: true
  /** Request headers that the route reads, with what they are for. */
  readonly headers?: Readonly<Record<string, string>>
  /** Status and content types when all goes well. */
  readonly success: { readonly status: number; readonly types: readonly string[] }
  /** Further statuses, with when they come. */
  readonly also?: Readonly<Record<number, string>>
  /** Codes that this route adds to those every route may answer with. */
  readonly codes?: readonly ErrorCode[]
  /** Holds its request open: counted as a stream, and refused for HEAD. The handler takes the slot. */
  readonly stream?: true
  readonly handle: (c: WebContext, app: Shared) => Response | Promise<Response>
}

const RANK: Readonly<Record<Role, number>> = { read: 1, append: 2, admin: 3 }

/** Tell whether `role` may do what needs `scope`. */
export function allows(role: Role | undefined, scope: Role): boolean {
  return role !== undefined && RANK[role] >= RANK[scope]
}

/** Facts of the request that `c` belongs to. */
export function factsOf(c: WebContext): RequestFacts {
  return c.get('varve')
}
