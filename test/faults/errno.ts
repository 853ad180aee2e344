/** Errors as the runtimes' file-system calls throw them.
 * @module */

/** @param call names the system call that fails. */
export function errnoError(errno: string, call: string, path: string): Error {
  return Object.assign(new Error(`${errno}: ${call} '${path}'`), { code: errno, syscall: call, path })
}
