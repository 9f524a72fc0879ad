/**
 * The two ways in which a command does not do what it was told, and their exit statuses.
 */

/** Done as told. */
export const EXIT_DONE = 0;

/** Refused, or failed. */
export const EXIT_FAILED = 1;

/** Told wrongly: a flag or an argument that cannot be. */
export const EXIT_WRONG_USE = 2;

/** A command that cannot do what it was told. Its message is for the user and holds no secret. */
export class CommandError extends Error {
  readonly exitStatus: number;

  constructor(message: string, exitStatus: number = EXIT_FAILED) {
    super(message);
    this.name = 'CommandError';
    this.exitStatus = exitStatus;
  }
}

/** A flag, an argument or a variable that cannot be. */
export const wrongUse = (message: string): CommandError =>
  new CommandError(message, EXIT_WRONG_USE);
