/** The binary `varve` on Deno: `deno run -A adapters/deno/main.ts serve`.
 * @module */
import { runProcess } from '../process/run.ts'
import { CLOSE_GRACE_MS, type Listen } from '../process/server.ts'
import { openNodeSqlite } from '../process/sqlite.ts'
import { denoStorage } from './index.ts'

interface DenoServer {
  readonly addr: { readonly port: number }
  shutdown(): Promise<void>
  readonly finished: Promise<void>
}

declare const Deno: {
  serve(
    options: { hostname: string; port: number; signal: AbortSignal; onListen: () => void },
    handler: (request: Request, info: { remoteAddr: { hostname?: string } }) => Response | Promise<Response>,
  ): DenoServer
}

const listen: Listen = async ({ hostname, port, fetch }) => {
  const cutting = new AbortController()
  const server = Deno.serve({ hostname, port, signal: cutting.signal, onListen: () => undefined }, (request, info) =>
    fetch(request, info.remoteAddr.hostname ?? ''),
  )
  return {
    port: server.addr.port,
    async close() {
      const cut = setTimeout(() => cutting.abort(), CLOSE_GRACE_MS)
      await server.shutdown()
      clearTimeout(cut)
    },
  }
}

await runProcess({ storage: denoStorage, listen, openSqlite: openNodeSqlite })
