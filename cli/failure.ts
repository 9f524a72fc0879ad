/**
 * Exit statuses, and the error of a command that fails.
 */

/** The command succeeded. */
export const EXIT_DONE = 0;

/** The command was refused or failed. */
export const EXIT_FAILED = 1;

/** A flag or an argument is wrong. */
export const EXIT_WRONG_USE = 2;

/** The failure of a command. Its message is for the user and holds no secret. */
export class CommandError extends Error {
  readonly exitStatus: number;

  constructor(message: string, exitStatus: number = EXIT_FAILED) {
    super(message);
    this.name = 'CommandError';
    this.exitStatus = exitStatus;
  }
}

/** Makes the error for a wrong flag, argument or variable. */
export const wrongUse = (message: string): CommandError =>
  new CommandError(message, EXIT_WRONG_USE);
