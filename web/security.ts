/** Who is asking: bearer tokens for programs, a session for a person's browser.
 *
 * Tokens are known only as SHA-256 hashes and compared without an early exit. A login code is good once, for ten
 * minutes; it buys a session cookie that the browser sends only to this site's own pages. Sessions live in memory: a
 * restart ends them.
 * @module */
import type { Context } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { type Clock, type Random, randomId, systemClock, systemRandom, VarveError } from '../src/index.ts'
import type { Access, Asker, Login, Role } from './context.ts'

export interface TokenAccessOptions {
  /** Tokens by their hash (`hashToken`), and what each may do. */
  readonly tokens: readonly { readonly tokenHash: string; readonly role: Role }[]
  /** Who is at the other end: the address of the connection, or what a trusted proxy says. Default one for all. */
  readonly peer?: (c: Context) => string
  readonly clock?: Clock
  readonly random?: Random
}

export interface TokenAccess extends Login {
  /** For `createApp`'s option `access`. */
  readonly access: Access
  /** A code for one login as `role` within ten minutes: 130 random bits. Print it in a link's fragment, never in a
   * query: `http://127.0.0.1:4321/login#<code>`. */
  newLoginCode(role?: Role): string
}

const MINUTE_MS = 60_000
const CODE_LIFE_MS = 10 * MINUTE_MS
const SESSION_LIFE_MS = 8 * 60 * MINUTE_MS
const SESSION_IDLE_MS = 30 * MINUTE_MS
const FAILURES_PER_MINUTE = 10
/** How many sessions, codes and peers are remembered; the oldest are forgotten first. */
const REMEMBERED = 1_000
const BEARER = /^Bearer ([A-Za-z0-9._~+/-]{1,512}=*)$/
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Make a token of 260 random bits. */
export function newToken(random: Random = systemRandom): string {
  return randomId(random, 52)
}

/** SHA-256 of a token as 64 hexadecimal digits: what to keep instead of it. */
export async function hashToken(token: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token))
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Access by bearer token or session cookie, at most ten wrong tokens or codes per minute and peer. */
export function tokenAccess(options: TokenAccessOptions): TokenAccess {
  const clock = options.clock ?? systemClock
  const random = options.random ?? systemRandom
  const peerOf = options.peer ?? (() => 'all')
  const failures = new Failures(clock)
  const sessions = new Sessions(clock, random)
  const codes = new Map<string, { readonly role: Role; readonly madeAt: number }>()

  return {
    async access(c) {
      const header = c.req.header('authorization')
      if (header === undefined) return sessions.askerOf(c)
      failures.check(peerOf(c))
      const token = BEARER.exec(header)?.[1]
      const hash = token === undefined ? '' : await hashToken(token)
      let role: Role | undefined
      // Every token is compared, so that time tells nothing of which one matched.
      for (const known of options.tokens) if (sameText(known.tokenHash, hash)) role = known.role
      if (role !== undefined) return { role, actor: nameOf('token', hash) }
      failures.note(peerOf(c))
      return undefined
    },
    newLoginCode(role = 'admin') {
      const code = randomId(random, 26)
      forgetOldest(codes)
      codes.set(code, { role, madeAt: clock.now() })
      return code
    },
    async logIn(c, given) {
      failures.check(peerOf(c))
      const hash = await hashToken(given)
      let found: string | undefined
      for (const code of codes.keys()) if (sameText(await hashToken(code), hash)) found = code
      const grant = found === undefined ? undefined : codes.get(found)
      if (found !== undefined) codes.delete(found)
      if (grant === undefined || clock.now() - grant.madeAt >= CODE_LIFE_MS) {
        failures.note(peerOf(c))
        return false
      }
      await sessions.begin(c, grant.role)
      return true
    },
    logOut: (c) => sessions.end(c),
  }
}

/** Who has logged in, by the hash of a cookie. */
class Sessions {
  readonly #clock: Clock
  readonly #random: Random
  readonly #byHash = new Map<string, { readonly role: Role; readonly startedAt: number; usedAt: number }>()

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  async askerOf(c: Context): Promise<Asker | undefined> {
    const cookie = getCookie(c, cookieOf(c).name)
    if (cookie === undefined) return undefined
    const hash = await hashToken(cookie)
    const session = this.#byHash.get(hash)
    if (session === undefined) return undefined
    const now = this.#clock.now()
    if (now - session.startedAt >= SESSION_LIFE_MS || now - session.usedAt >= SESSION_IDLE_MS) {
      this.#byHash.delete(hash)
      return undefined
    }
    session.usedAt = now
    return { role: session.role, actor: nameOf('session', hash) }
  }

  /** Begin a session, which ends the one that the request belongs to. */
  async begin(c: Context, role: Role): Promise<void> {
    await this.#forget(c)
    const cookie = randomId(this.#random, 52)
    const now = this.#clock.now()
    forgetOldest(this.#byHash)
    this.#byHash.set(await hashToken(cookie), { role, startedAt: now, usedAt: now })
    setSession(c, cookie, SESSION_LIFE_MS / 1_000)
  }

  /** End the session that the request belongs to, if any, and take its cookie back. */
  async end(c: Context): Promise<void> {
    await this.#forget(c)
    setSession(c, '', 0)
  }

  async #forget(c: Context): Promise<void> {
    const cookie = getCookie(c, cookieOf(c).name)
    if (cookie !== undefined) this.#byHash.delete(await hashToken(cookie))
  }
}

function setSession(c: Context, value: string, maxAge: number): void {
  const { name, secure } = cookieOf(c)
  setCookie(c, name, value, { path: '/', httpOnly: true, sameSite: 'Strict', secure, maxAge })
}

/** A name to tell tokens and sessions apart by: the beginning of a hash of far more random bits gives nothing away. */
function nameOf(what: string, hash: string): string {
  return `${what} ${hash.slice(0, 12)}`
}

/** The cookie's name and whether it is bound to TLS. Plain http on loopback is the one place that has no TLS to bind
 * to; anywhere else http is taken to be a proxy's side of https. */
function cookieOf(c: Context): { name: string; secure: boolean } {
  const { protocol, hostname } = new URL(c.req.url)
  return protocol === 'http:' && LOOPBACK.has(hostname)
    ? { name: 'varve_session', secure: false }
    : { name: '__Host-varve', secure: true }
}

/** Compare texts of one length in time that does not depend on what they hold. */
function sameText(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}

function forgetOldest(map: Map<string, unknown>): void {
  if (map.size < REMEMBERED) return
  const [oldest] = map.keys()
  if (oldest !== undefined) map.delete(oldest)
}

/** Counts wrong tokens and codes per peer. */
class Failures {
  readonly #clock: Clock
  readonly #peers = new Map<string, { count: number; since: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @throws {VarveError} `RATE_LIMITED` when the peer has failed too often: even a right token waits. */
  check(peer: string): void {
    const found = this.#peers.get(peer)
    if (found === undefined) return
    const leftMs = found.since + MINUTE_MS - this.#clock.monotonic()
    if (leftMs <= 0) this.#peers.delete(peer)
    else if (found.count >= FAILURES_PER_MINUTE)
      throw new VarveError('RATE_LIMITED', 'Cannot check more tokens or codes from this peer for now', {
        details: { retryAfterMs: leftMs },
      })
  }

  note(peer: string): void {
    const found = this.#peers.get(peer)
    if (found !== undefined) {
      found.count++
      return
    }
    forgetOldest(this.#peers)
    this.#peers.set(peer, { count: 1, since: this.#clock.monotonic() })
  }
}
