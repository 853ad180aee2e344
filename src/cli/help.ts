/** The help of the whole and of each command, made from what the commands declare.
 * @module */
import { COMMON_OPTIONS, type OptionSpecs } from './arguments.ts'
import type { Command } from './context.ts'

const EXIT_CODES = 'Exit codes: 0 done, 1 failed, 2 wrong use, 3 damage found.'

/** What `varve` and `varve --help` show. */
export function overview(commands: readonly Command[]): string {
  return [
    'varve - an event log that remembers',
    '',
    'Usage: varve COMMAND [ARGUMENTS] [OPTIONS]',
    '',
    'Commands:',
    ...commandLines(commands),
    '',
    'Options of all commands:',
    ...optionLines(COMMON_OPTIONS),
    '',
    'Examples:',
    '  varve topics create orders',
    '  echo \'{"kind":"OrderPlaced","entity":"order-1","data":{"total":12}}\' | varve append orders',
    '  varve read orders',
    '  varve serve',
    '',
    'varve COMMAND --help shows the options and examples of a command; varve --version the version.',
    EXIT_CODES,
    '',
  ].join('\n')
}

/** What `varve WORD` shows where several commands begin with this word. */
export function groupHelp(word: string, commands: readonly Command[]): string {
  const list = commandLines(commands)
  const more = `varve ${word} COMMAND --help shows the options and examples of a command.`
  return [`Usage: varve ${word} COMMAND [ARGUMENTS] [OPTIONS]`, '', 'Commands:', ...list, '', more, ''].join('\n')
}

function commandLines(commands: readonly Command[]): string[] {
  const width = Math.max(...commands.map(({ name }) => name.length))
  return commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`)
}

/** What `varve COMMAND --help` shows. */
export function commandHelp(command: Command): string {
  const { name, usage, summary, notes = [], options, examples } = command
  const lines = [`varve ${name} - ${summary}`, '', `Usage: varve ${[name, usage].filter(Boolean).join(' ')} [OPTIONS]`]
  lines.push('', 'Options:', ...optionLines({ ...options, ...COMMON_OPTIONS }))
  if (notes.length > 0) lines.push('', ...notes)
  lines.push('', 'Examples:')
  for (const [line, does] of examples) lines.push(`  ${line}`, `      ${does}`)
  lines.push('', EXIT_CODES, '')
  return lines.join('\n')
}

function optionLines(options: OptionSpecs): string[] {
  const rows = Object.entries(options).map(([name, { value, short, help }]) => {
    return [
      `  ${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`,
      help,
    ] as const
  })
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, help]) => `${left.padEnd(width)}  ${help}`)
}
