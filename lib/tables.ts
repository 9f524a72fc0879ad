/**
 * Makes the three tables, by the schema that the adapters and the local gateway use too.
 */
import { RemovalPolicy } from 'aws-cdk-lib';
import {
  AttributeType,
  BillingMode,
  ProjectionType,
  Table,
  TableEncryption,
} from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import { indexesOf, NUMERIC_KEYS, TABLES, type TableSchema } from '../adapters/table-schema.ts';

const attribute = (name: string) => ({
  name,
  type: NUMERIC_KEYS.includes(name) ? AttributeType.NUMBER : AttributeType.STRING,
});

/** Keys, Wallets and Usage: billed on demand, restorable to any second of 35 days, kept when the stack is deleted. */
export class Tables extends Construct {
  readonly keys = this.make('Keys', TABLES.keys);
  readonly wallets = this.make('Wallets', TABLES.wallets);
  readonly usage = this.make('Usage', TABLES.usage);

  private make(id: string, schema: TableSchema): Table {
    const { partitionKey, sortKey, ttlAttribute } = schema;
    const table = new Table(this, id, {
      partitionKey: attribute(partitionKey),
      ...(sortKey ? { sortKey: attribute(sortKey) } : {}),
      ...(ttlAttribute ? { timeToLiveAttribute: ttlAttribute } : {}),
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      encryption: TableEncryption.AWS_MANAGED,
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
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
