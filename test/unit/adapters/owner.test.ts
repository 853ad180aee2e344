/** isGone on fabricated owners: true only on proof.
 * @module */
import { spawn } from 'node:child_process'
import process from 'node:process'
import { expect, test } from 'vitest'
import { isGone, processOwner } from '../../../adapters/node/owner.ts'
import type { Owner } from '../../../src/ports/owner.ts'

const port = processOwner('test 1')
const self = port.describe()
/** This process on a machine that tells everything, so that the test does not depend on the one it runs on. */
const known: Owner = { ...self, host: 'h', bootId: 'b', pidNamespace: 'n', machineId: 'm' }

/** The id of a process that was there and has ended. */
async function finishedPid(): Promise<number> {
  const child = spawn('/bin/sh', ['-c', 'exit 0'])
  await new Promise((resolve) => child.once('exit', resolve))
  return child.pid ?? 0
}

test('OwnerPort.describe() names this process', () => {
  expect(self).toMatchObject({ runtime: 'test 1', pid: process.pid })
  expect(port.describe()).toEqual(self)
})

test('OwnerPort.isGone() is false for this process', () => {
  expect(port.isGone(self)).toBe(false)
  expect(isGone(known, known)).toBe(false)
})

test('isGone() is true for the pid of a process that has ended', async () => {
  expect(isGone({ ...known, pid: await finishedPid() }, known)).toBe(true)
})

if (self.startTime === '') console.info('owner: start times of processes are unknown here, their test is skipped')
test.runIf(self.startTime !== '')('isGone() is true when the pid lives with another start time', () => {
  expect(isGone({ ...known, startTime: '1' }, known)).toBe(true)
  expect(isGone({ ...known, startTime: '' }, known)).toBe(false)
})

test.each(['host', 'bootId', 'pidNamespace'] as const)(
  'isGone() is false when %s differs or is unknown',
  async (part) => {
    const pid = await finishedPid()
    // Without the machine's name another boot proves nothing.
    const self = { ...known, machineId: '' }
    expect(isGone({ ...self, pid, [part]: 'other' }, self)).toBe(false)
    expect(isGone({ ...self, pid, [part]: '' }, self)).toBe(false)
    expect(isGone({ ...self, pid, [part]: '' }, { ...self, [part]: '' })).toBe(false)
  },
)

test('isGone() is true for another boot of the same machine, and only with both known', () => {
  expect(isGone({ ...known, bootId: 'earlier' }, known)).toBe(true)
  expect(isGone({ ...known, bootId: 'earlier', machineId: 'other' }, known)).toBe(false)
  expect(isGone({ ...known, bootId: 'earlier', machineId: '' }, { ...known, machineId: '' })).toBe(false)
  expect(isGone({ ...known, bootId: '' }, known)).toBe(false)
  expect(isGone(known, { ...known, bootId: '' })).toBe(false)
})

test.each([0, -1, 1.5, Number.NaN])('isGone() is false for what is not a process id (%s)', (pid) => {
  expect(isGone({ ...known, pid }, known)).toBe(false)
})

test('isGone() is false for a process of another user', () => {
  expect(isGone({ ...known, pid: 1, startTime: '' }, known)).toBe(false)
})

/** `exec` replaces the shell by a program that never asks after the child the shell had. */
test.runIf(self.startTime !== '')(
  'isGone() is true for a process that is dead and that nobody has asked after',
  async () => {
    const parent = spawn('/bin/sh', ['-c', 'sleep 0.01 & echo $!; exec sleep 60'])
    const pid = await new Promise<number>((resolve) => parent.stdout.once('data', (text) => resolve(Number(text))))
    const owner = { ...known, pid, startTime: '' }
    await expect.poll(() => isGone(owner, known), { timeout: 10_000 }).toBe(true)
    expect(() => process.kill(pid, 0)).not.toThrow()
    parent.kill('SIGKILL')
  },
)
