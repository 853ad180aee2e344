/** `varve proof`: a proof that an event is in the log, and its check without a store. @module */
import { parseJsonValue } from '../codec/values.ts'
import { isVarveError, VarveError } from '../errors.ts'
import { verifyProof } from '../topic/proof.ts'
import type { EventProof } from '../topic/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import { type CliContext, type Command, type ExitCode, openForReading, withStore } from './context.ts'
import { offsetOf } from './get.ts'
import { clean, jsonLine } from './output.ts'

/** A proof is about 2 KiB and its event. */
const PROOF_MAX_BYTES = 16 * 1024 * 1024
const HASH = /^[0-9a-f]{64}$/i

export const proof: Command = {
  name: 'proof',
  usage: '[TOPIC OFFSET]',
  summary: 'Prove that one event is in the log, or check such a proof without a store',
  options: {
    partition: { value: 'N', help: 'Partition of the event (default 0)' },
    check: { value: 'FILE', help: 'Check the proof in this file; - is standard input' },
    hash: {
      value: 'HASH',
      help: 'With --check: the batch hash that the proof must lead to, from a receipt kept elsewhere',
    },
  },
  notes: [
    'Only topics with --chain events have proofs. A proof is JSON and holds the event. It leads to the hash of a batch:',
    'that hash has to be known from elsewhere (a receipt, `varve verify --head`), because anybody can make a proof of',
    'anything that leads to some hash. Exit code 3 when the proof does not hold.',
  ],
  examples: [
    ['varve proof orders 41 > proof.json', 'The proof of one event'],
    ['varve proof --check proof.json --hash $HASH', 'Check it, on any machine'],
  ],
  async run(args, context) {
    if (args.text('check') !== undefined) return check(args, context)
    if (args.text('hash') !== undefined) throw wrongUse('Cannot use --hash without --check')
    args.atMost(2)
    const name = args.required(0, 'TOPIC')
    const offset = offsetOf(args.required(1, 'OFFSET'))
    const partition = args.whole('partition') ?? 0
    const found = await withStore(openForReading(args, context), async (store) => {
      const topic = await store.topics.open(name)
      return topic.proof(offset, { partition })
    })
    if (found === undefined)
      throw new VarveError('EVENT_UNKNOWN', `Cannot prove event ${offset} of "${name}": the log ends before it`, {
        details: { topic: name, partition, offset },
      })
    await context.terminal.write(jsonLine(found))
    return 0
  },
}

async function check(args: Arguments, context: CliContext): Promise<ExitCode> {
  args.atMost(0)
  const hash = args.text('hash')?.toLowerCase()
  if (hash !== undefined && !HASH.test(hash))
    throw wrongUse('Cannot use --hash: it must be 64 hexadecimal digits, as in a receipt')
  const { terminal } = context
  const given = parseJsonValue(await textOf(args.text('check') ?? '-', context)) as EventProof
  const outcome = outcomeOf(given, hash)
  if (args.flag('json')) await terminal.write(jsonLine(outcome))
  else await terminal.write(outcomeText(outcome))
  return outcome.ok ? 0 : 3
}

type Outcome =
  | { readonly ok: false; readonly reason: string }
  | {
      readonly ok: true
      readonly topic: string
      readonly partition: number
      readonly offset: number
      readonly hash: string
      /** The hash is one that the caller knew. */
      readonly anchored: boolean
    }

function outcomeOf(given: EventProof, hash: string | undefined): Outcome {
  let found: string
  try {
    found = verifyProof(given)
  } catch (error) {
    if (isVarveError(error, 'PROOF_INVALID')) return { ok: false, reason: error.message }
    throw error
  }
  if (hash !== undefined && found !== hash)
    return { ok: false, reason: `The proof leads to ${found}, which is not the hash that was given` }
  const { topic, event } = given
  return {
    ok: true,
    topic,
    partition: event.partition,
    offset: event.offset,
    hash: found,
    anchored: hash !== undefined,
  }
}

function outcomeText(outcome: Outcome): string {
  if (!outcome.ok) return `NOT PROVEN: ${clean(outcome.reason)}\n`
  const { topic, partition, offset, hash, anchored } = outcome
  const what = `Event ${offset} of ${clean(String(topic))}${partition === 0 ? '' : `, partition ${partition},`}`
  if (anchored) return `Proven: ${what} is in the batch with the hash that you gave\n`
  return `Holds: ${what} is in the batch with hash ${clean(hash)}\nIt proves something if that hash is one that you kept: see --hash\n`
}

async function textOf(file: string, { terminal }: CliContext): Promise<string> {
  const bytes = file === '-' ? terminal.input : (await terminal.openFile(file)).bytes
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  try {
    for await (const piece of bytes) {
      text += decoder.decode(piece, { stream: true })
      if (text.length > PROOF_MAX_BYTES) throw wrongUse('Cannot read the proof: it is over 16 MiB')
    }
    return text + decoder.decode()
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new VarveError('JSON_INVALID', 'Cannot read the proof: it is not UTF-8', { cause: error })
  }
}
