#!/usr/bin/env node
/** The binary `varve` on Node.
 * @module */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import { runProcess } from '../process/run.ts'
import { CLOSE_GRACE_MS, type Listen } from '../process/server.ts'
import { openNodeSqlite } from '../process/sqlite.ts'
import { nodeStorage } from './index.ts'

const CONNECTIONS_MAX = 2_048
const IDLE_SWEEP_MS = 50

const listen: Listen = ({ hostname, port, fetch }) => {
  const server = createAdaptorServer({
    fetch: (request, { incoming }) => fetch(request, (incoming as HttpBindings['incoming']).socket.remoteAddress ?? ''),
    serverOptions: {
      headersTimeout: 10_000,
      // Bodies are streamed and have no total; the app limits how long they may pause.
      requestTimeout: 0,
      keepAliveTimeout: 5_000,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: 16_384,
    },
  }) as Server
  server.maxConnections = CONNECTIONS_MAX
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, hostname, () => {
      server.off('error', reject)
      resolve({ port: (server.address() as AddressInfo).port, close: () => close(server) })
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // A connection whose stream just ended is kept alive for a while; nobody will use it again.
    const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS)
    const cut = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS)
    server.close(() => {
      clearInterval(sweep)
      clearTimeout(cut)
      resolve()
    })
  })
}

await runProcess({ storage: (directory) => nodeStorage(directory), listen, openSqlite: openNodeSqlite })
