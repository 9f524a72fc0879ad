/**
 * Makes the tables, by the schema that the adapters and the local gateway use too.
 */
import { RemovalPolicy } from 'aws-cdk-lib';
import {
  AttributeType,
  BillingMode,
  type ITable,
  ProjectionType,
  Table,
  TableEncryption,
} from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import { indexesOf, NUMERIC_KEYS, TABLES, type TableSchema } from '../adapters/table-schema.ts';
import type { HallpassProps } from './props.ts';

const attribute = (name: string) => ({
  name,
  type: NUMERIC_KEYS.includes(name) ? AttributeType.NUMBER : AttributeType.STRING,
});

/** A table that the stack makes, or one that was there. */
export type GatewayTable = Table | ITable;

/** The tables that every gateway has. */
export type RequiredTables = Pick<Tables, 'keys' | 'wallets' | 'usage'>;

export interface TablesProps
  extends Pick<HallpassProps, 'existing' | 'encryptionKey' | 'removalPolicy'> {
  /** True makes the table of sign-in, too. */
  readonly signIn: boolean;
}

/**
 * Keys, Wallets and Usage, and the grants of sign-in where there is one: billed on demand, restorable to any second of 35 days, kept when the stack is deleted. Their
 * names are random, so those of a deployment that failed are not in the way of the next one.
 */
export class Tables extends Construct {
  readonly keys: GatewayTable;
  readonly wallets: GatewayTable;
  readonly usage: GatewayTable;
  /** Absent where the configuration has no sign-in. */
  readonly signIn: GatewayTable | undefined;
  private readonly props: TablesProps;

  constructor(scope: Construct, id: string, props: TablesProps) {
    super(scope, id);
    this.props = props;
    const { existing } = props;
    this.keys = this.findOrMake('Keys', TABLES.keys, existing?.keysTable);
    this.wallets = this.findOrMake('Wallets', TABLES.wallets, existing?.walletsTable);
    this.usage = this.findOrMake('Usage', TABLES.usage, existing?.usageTable);
    this.signIn = props.signIn
      ? this.findOrMake('SignIn', TABLES.signIn, existing?.signInTable)
      : undefined;
  }

  private findOrMake(id: string, schema: TableSchema, name: string | undefined): GatewayTable {
    return name === undefined ? this.make(id, schema) : Table.fromTableName(this, id, name);
  }

  private make(id: string, schema: TableSchema): Table {
    const { partitionKey, sortKey, ttlAttribute } = schema;
    const { encryptionKey, removalPolicy = RemovalPolicy.RETAIN } = this.props;
    const table = new Table(this, id, {
      partitionKey: attribute(partitionKey),
      ...(sortKey ? { sortKey: attribute(sortKey) } : {}),
      ...(ttlAttribute ? { timeToLiveAttribute: ttlAttribute } : {}),
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      ...(encryptionKey
        ? { encryption: TableEncryption.CUSTOMER_MANAGED, encryptionKey }
        : { encryption: TableEncryption.AWS_MANAGED }),
      deletionProtection: removalPolicy !== RemovalPolicy.DESTROY,
      removalPolicy,
    });
    for (const index of indexesOf(schema)) {
      table.addGlobalSecondaryIndex({
        indexName: index.name,
        partitionKey: attribute(index.partitionKey),
        sortKey: attribute(index.sortKey),
        // Items found here are read again, consistently, from the table itself.
        projectionType: ProjectionType.KEYS_ONLY,
      });
    }
    return table;
  }
}
