/** What the local gateway uses of dynalite, which has no types of its own. */

declare module 'dynalite' {
  import type { Server } from 'node:http';

  interface DynaliteOptions {
    /** The folder of its LevelDB. @default in memory */
    readonly path?: string;
    readonly createTableMs?: number;
    readonly deleteTableMs?: number;
    readonly updateTableMs?: number;
  }
  function dynalite(options: DynaliteOptions): Server;
  export = dynalite;
}

declare module 'dynalite/db/index.js' {
  interface ConditionalError {
    body: Record<string, unknown>;
  }
  interface DynaliteStore {
    readonly db: { open(): Promise<void> };
  }
  interface DynaliteDb {
    create(options: object): DynaliteStore;
    checkConditional(
      data: Readonly<Record<string, unknown>>,
      existing: Readonly<Record<string, unknown>> | undefined,
    ): ConditionalError | null | undefined;
  }
  const db: DynaliteDb;
  export = db;
}

declare module 'dynalite/validations/*' {
  /** The fields an operation may have; any other is dropped before the operation sees it. */
  const validation: {
    readonly types: Record<string, { readonly type: string; readonly enum: readonly string[] }>;
  };
  export = validation;
}
