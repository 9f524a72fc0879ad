/** Types for the parts of dynalite that the local gateway uses. It has none of its own. */

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
  namespace db {
    /** A refusal with its answer. */
    interface DynaliteError {
      readonly statusCode: number;
      body: Record<string, unknown>;
    }
    interface DynaliteStore {
      readonly db: { open(): Promise<void> };
    }
  }
  interface DynaliteDb {
    create(options: object): db.DynaliteStore;
    checkConditional(
      data: Readonly<Record<string, unknown>>,
      existing: Readonly<Record<string, unknown>> | undefined,
    ): db.DynaliteError | null | undefined;
  }
  const db: DynaliteDb;
  export = db;
}

declare module 'dynalite/actions/*' {
  function action(
    store: object,
    data: Readonly<Record<string, unknown>>,
    done: (
      error: { readonly body: object } | null | undefined,
      answer?: Record<string, unknown>,
    ) => void,
  ): void;
  export = action;
}

declare module 'dynalite/validations/index.js' {
  const validations: {
    checkTypes(data: object, types: object): Record<string, unknown>;
    checkValidations(data: object, types: object, custom: unknown, store: object): void;
  };
  export = validations;
}

declare module 'dynalite/validations/*' {
  /** The fields that an operation may have. Others are dropped before it runs. */
  const validation: {
    readonly types: Record<string, { readonly type: string; readonly enum: readonly string[] }>;
    /** Checks beyond types, such as the syntax of expressions. */
    readonly custom: unknown;
  };
  export = validation;
}
