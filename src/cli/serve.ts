/** `varve serve`: the JSON API and the admin page over one store, until the process is told to end. @module */
import { isVarveError } from '../errors.ts'
import { randomId } from '../ports/random.ts'
import type { Diagnostic, Store } from '../store/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import { shellWord } from './confirm.ts'
import { type CliContext, type Command, directoryOf, openForWriting, type RunningServer } from './context.ts'
import { clean, counted, jsonLine } from './output.ts'
import { loadSample, SAMPLE_PLACES } from './sample.ts'
import { type FoldedProjection, foldedProjection, followProjections } from './serve-projections.ts'
import { restorePlaces, SNAPSHOT_OPTIONS, type SnapshotPlan, snapshotPlan } from './serve-snapshots.ts'

const PORT_DEFAULT = 4713
const HOST_DEFAULT = '127.0.0.1'
/** Longer than the 15 s of silence after which an owner on another host counts as gone. */
const LOCK_WAIT_MS = 20_000
const TOKEN_CHARACTERS = 52
const TOKEN = /^[A-Za-z0-9._~+/-]{32,512}=*$/
const HOST_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::(?:\d{1,5}|\*))?$/

export const serve: Command = {
  name: 'serve',
  usage: '[DIR]',
  summary: 'Serve the JSON API and the admin page over one store',
  options: {
    port: { value: 'N', help: `Port, 0 for a free one (default ${PORT_DEFAULT})` },
    host: { value: 'ADDRESS', help: `Address to listen on (default ${HOST_DEFAULT}: this machine only)` },
    sample: {
      help: 'When the directory is new, load a small sample with a bit of everything',
    },
    fold: {
      value: 'NAME=FOLD',
      multiple: true,
      help: 'Keep the projection NAME up to date: fold events as they come; with counts, latest, a module',
    },
    ...SNAPSHOT_OPTIONS,
    'token-file': { value: 'FILE', help: 'File with the access token, made when absent (default DIR.token)' },
    'behind-proxy': { help: 'A proxy in front ends TLS and sets X-Forwarded-For; needed for other addresses' },
    'allow-host': {
      value: 'NAME',
      multiple: true,
      help: 'With --behind-proxy: host name of the site, such as log.example.com',
    },
  },
  notes: [
    'DIR is the directory of the store (default ./varve-data), made when absent. The token is read from VARVE_TOKEN or',
    'from the token file; it is never printed. The printed login link works once, within ten minutes.',
    'A module for --fold is what `varve projection run --help` says. With --sample its projection is run as well.',
    'SIGINT and SIGTERM end streams, checkpoint, and exit 0; a second one exits at once.',
  ],
  examples: [
    ['varve serve', 'Serve ./varve-data on http://127.0.0.1:4713'],
    ['varve serve ./data --port 8080 --sample', 'Another directory and port, with something to look at'],
    ['varve serve ./data --fold order-counts=counts --fold totals=./totals.mjs', 'Run two projections'],
    ['varve serve ./data --snapshot-every 6h --snapshot-max-age 7d', 'Take a snapshot every six hours, keep five'],
    ['VARVE_TOKEN=$(cat token) varve serve ./data', 'Bring the token in the environment'],
    ['varve serve ./data --host 0.0.0.0 --behind-proxy --allow-host log.example.com', 'Behind a proxy with TLS'],
  ],
  async run(args, context) {
    const plan = planOf(args)
    const { terminal } = context
    const token = await tokenOf(plan, context)
    const store = await openPatiently(plan, context)
    let server: RunningServer | undefined
    try {
      const sampled =
        plan.sample && store.openReport.source === 'created' ? await loadSample(store, context.clock.now()) : 0
      await followProjections(store, plan, {
        context,
        onError: (error, projection) => log(context, 'error', { projection, message: messageOf(error) }),
      })
      if (plan.snapshots.schedule !== undefined) store.snapshots.schedule(plan.snapshots.schedule)
      server = await context.host.start({
        store,
        token: token.value,
        hostname: plan.hostname,
        port: plan.port,
        hosts: plan.hosts,
        behindProxy: plan.behindProxy,
        ...restorePlaces(plan.snapshots, context),
        onError: (error, facts) => log(context, 'error', { ...facts, message: messageOf(error) }),
      })
      await terminal.write(greeting({ plan, store, server, sampled, curlToken: token.forShell }, args.flag('json')))
      await interruption(terminal.interrupted)
      if (!args.flag('json')) await terminal.write('Ending streams, then closing the store\n')
    } finally {
      // Streams first: they hold the listener open, and they read the store.
      await server?.close()
      await store.close()
    }
    return 0
  },
}

interface ServePlan {
  readonly directory: string
  readonly hostname: string
  readonly port: number
  readonly sample: boolean
  readonly folds: readonly FoldedProjection[]
  readonly snapshots: SnapshotPlan
  readonly tokenFile: string
  readonly behindProxy: boolean
  readonly hosts: readonly string[]
}

/** @throws {VarveError} `OPTION_INVALID`: among others for an address beyond this machine without a proxy that ends
 * TLS, because a token over plain http is everybody's. */
function planOf(args: Arguments): ServePlan {
  args.atMost(1)
  if (args.at(0) !== undefined && args.text('data') !== undefined)
    throw wrongUse('Cannot use DIR and --data together: they name the same directory')
  const directory = args.at(0) ?? directoryOf(args)
  const hostname = args.text('host') ?? HOST_DEFAULT
  const behindProxy = args.flag('behind-proxy')
  if (!behindProxy && !isLoopback(hostname)) {
    throw wrongUse(
      `Cannot listen on ${clean(hostname)}: without TLS other machines would see the token; ` +
        'put a proxy that ends TLS in front and add --behind-proxy, or listen on 127.0.0.1',
    )
  }
  const hosts = args.list('allow-host').map((name) => name.toLowerCase())
  if (hosts.length > 0 && !behindProxy) throw wrongUse('Cannot use --allow-host without --behind-proxy')
  const bad = hosts.find((name) => !HOST_NAME.test(name))
  if (bad !== undefined) throw wrongUse(`Cannot use --allow-host "${clean(bad)}": write name, name:port or name:*`)
  return {
    directory,
    hostname,
    port: args.whole('port', { most: 65_535 }) ?? PORT_DEFAULT,
    sample: args.flag('sample'),
    folds: args.list('fold').map(foldedProjection),
    snapshots: snapshotPlan(args),
    tokenFile: args.text('token-file') ?? `${directory.replace(/[/\\]+$/, '')}.token`,
    behindProxy,
    hosts,
  }
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '::1' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

/** The token, and how a shell gets at it without the token being shown. */
async function tokenOf(
  { tokenFile }: ServePlan,
  { terminal, host, random }: CliContext,
): Promise<{ value: string; forShell: string }> {
  const given = terminal.env('VARVE_TOKEN')
  if (given !== undefined) return { value: checkToken(given, 'VARVE_TOKEN'), forShell: '$VARVE_TOKEN' }
  const forShell = `$(cat ${shellWord(tokenFile)})`
  const kept = await host.readSecret(tokenFile)
  if (kept !== undefined) return { value: checkToken(kept.trim(), `the token in ${tokenFile}`), forShell }
  const value = randomId(random, TOKEN_CHARACTERS)
  await host.createSecret(tokenFile, `${value}\n`)
  return { value, forShell }
}

function checkToken(token: string, where: string): string {
  if (TOKEN.test(token)) return token
  throw wrongUse(`Cannot use ${where}: a token has 32 to 512 letters, digits and . _ ~ + / -`)
}

/** Open for writing; an owner on this machine that is not gone is alive, so only one elsewhere is waited for. */
async function openPatiently(plan: ServePlan, context: CliContext): Promise<Store> {
  const onDiagnostic = ({ code, message, details }: Diagnostic) => log(context, 'warn', { code, message, details })
  const open = (lockTimeoutMs: number) =>
    openForWriting(plan.directory, context, {
      create: true,
      lockTimeoutMs,
      onDiagnostic,
      snapshotPolicy: plan.snapshots.policy,
    })
  try {
    return await open(0)
  } catch (error) {
    if (!isVarveError(error, 'STORE_LOCKED')) throw error
    const { owner } = error.details as { owner?: { host?: string; bootId?: string; pidNamespace?: string } }
    const self = context.storage(plan.directory).owner.describe()
    const parts = ['host', 'bootId', 'pidNamespace'] as const
    if (owner === undefined || parts.every((part) => owner[part] === self[part])) throw error
    const wait = `waiting up to ${LOCK_WAIT_MS / 1000} s for it to be silent`
    context.terminal.writeError(`varve: the store is owned by a process on ${clean(owner.host ?? '?')}; ${wait}\n`)
    return open(LOCK_WAIT_MS)
  }
}

interface Started {
  readonly plan: ServePlan
  readonly store: Store
  readonly server: RunningServer
  readonly sampled: number
  readonly curlToken: string
}

function greeting({ plan, store, server, sampled, curlToken }: Started, json: boolean): string {
  const url = addressOf(plan.hostname, server.port)
  const loginUrl = `${url}/login#${server.newLoginCode()}`
  const { openReport } = store
  if (json) {
    const { directory, tokenFile } = plan
    return jsonLine({ url, loginUrl, directory, tokenFile, storeId: store.id, sampled, openReport })
  }
  const opened =
    openReport.source === 'created'
      ? `created${sampled > 0 ? ` with ${counted(sampled, 'event')} in ${SAMPLE_PLACES}` : ''}`
      : openReport.source === 'recovered'
        ? `recovered after a crash, ${counted(openReport.rowsReplayed, 'event')} checked again`
        : 'opened'
  return [
    `varve serves ${clean(plan.directory)} (${opened})`,
    '',
    `  Address  ${url}`,
    `  Log in   ${loginUrl}   (once, within ten minutes)`,
    `  Try      curl -H "Authorization: Bearer ${clean(curlToken)}" ${url}/api/topics`,
    '',
    'Ctrl-C ends it.',
    '',
  ].join('\n')
}

/** Where this machine reaches the server. */
function addressOf(hostname: string, port: number): string {
  const any = hostname === '0.0.0.0' || hostname === '::'
  const name = any ? HOST_DEFAULT : hostname.includes(':') ? `[${hostname}]` : hostname
  return `http://${name}:${port}`
}

function interruption(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** One line of JSON on standard error, control characters escaped. */
function log({ terminal, clock }: CliContext, level: 'warn' | 'error', facts: Readonly<Record<string, unknown>>): void {
  const time = new Date(clock.now()).toISOString()
  let line: string
  try {
    line = jsonLine({ time, level, ...facts })
  } catch {
    line = jsonLine({ time, level, message: 'A log line could not be written' })
  }
  terminal.writeError(line)
}

function messageOf(error: unknown): string {
  if (isVarveError(error)) return `${error.code}: ${error.message}`
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
