/** Who this process is, and proof that another one is gone, from `node:os` and Linux's /proc.
 * Elsewhere the unreadable parts are empty and nothing can be proven, so a takeover waits for the heartbeat.
 * @module */
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import process from 'node:process'
import type { Owner, OwnerPort } from '../../src/ports/owner.ts'

/** An owner port for the process that runs this. @param runtime name and version, for people. */
export function processOwner(runtime: string): OwnerPort {
  const describe = (): Owner => ({
    runtime,
    host: attempt(hostname),
    bootId: attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    pidNamespace: attempt(() => readlinkSync('/proc/self/ns/pid')),
    pid: process.pid,
    startTime: startTimeOf(process.pid),
    machineId: attempt(() => readFileSync('/etc/machine-id', 'utf8')),
  })
  return { describe, isGone: (owner) => isGone(owner, describe()) }
}

/** Whether `owner` is provably dead, seen from the process `self`. Parts that either does not know prove nothing. */
export function isGone(owner: Owner, self: Owner): boolean {
  const sameMachine = owner.machineId !== '' && owner.machineId === self.machineId
  if (sameMachine && owner.bootId !== '' && self.bootId !== '' && owner.bootId !== self.bootId) return true
  for (const part of ['host', 'bootId', 'pidNamespace'] as const) {
    if (owner[part] === '' || owner[part] !== self[part]) return false
  }
  // 0 and negative numbers name groups of processes.
  if (!Number.isSafeInteger(owner.pid) || owner.pid <= 0) return false
  if (!pidExists(owner.pid) || isZombie(owner.pid)) return true
  const startTime = startTimeOf(owner.pid)
  return owner.startTime !== '' && startTime !== '' && owner.startTime !== startTime
}

/** False only when the kernel says so: a process of another user exists, too (EPERM). */
function pidExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH')
  }
}

/** A process that was killed and that nobody has asked after, with no thread left: its number is taken, but it does
 * nothing any more. Containers without an init process keep such ones for ever. */
function isZombie(pid: number): boolean {
  const fields = statFields(pid)
  return fields[0] === 'Z' && Number(fields[17]) <= 1
}

/** In clock ticks since boot. */
function startTimeOf(pid: number): string {
  return statFields(pid)[19] ?? ''
}

/** The fields of /proc/<pid>/stat from the third on, the state. The second is the command in brackets and may hold
 * blanks and brackets itself, so counting starts after the last one. */
function statFields(pid: number): string[] {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** The trimmed text, or an empty string when it cannot be read (another system, or no permission). */
function attempt(read: () => string): string {
  try {
    return read().trim()
  } catch {
    return ''
  }
}
