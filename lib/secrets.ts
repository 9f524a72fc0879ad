/**
 * Makes one secret for each provider that needs an API key, with a placeholder that means "not set". The command line
 * makes the secrets of keys, below `<prefix>/key/`, together with each key.
 */
import { Aws, Fn, RemovalPolicy, SecretValue, Stack, Validations } from 'aws-cdk-lib';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { keySecretName, providerSecretName } from '../adapters/table-schema.ts';

/** The value of a provider's secret until an operator puts the API key there. It means "not set". */
const PLACEHOLDER = '{"placeholder":true}';

export interface SecretsProps {
  /** Names of the provider secrets, each once. */
  readonly providers: readonly string[];
}

export class SecretsOfGateway extends Construct {
  /**
   * `hallpass/<stack name>/<8 letters of the stack's id>`. Each deployment has a prefix of its own, because the secrets
   * of a deleted stack stay, as its tables do, and would clash with those of the next stack of that name.
   */
  readonly prefix: string;
  readonly providers: readonly Secret[];
  private readonly deployment: string;

  constructor(scope: Construct, id: string, { providers }: SecretsProps) {
    super(scope, id);
    const { stackName } = Stack.of(this);
    const stackUuid = Fn.select(2, Fn.split('/', Aws.STACK_ID));
    this.deployment = Fn.select(0, Fn.split('-', stackUuid));
    this.prefix = `hallpass/${stackName}/${this.deployment}`;
    this.providers = providers.map((provider) => this.makeProviderSecret(provider));
  }

  /** Matches the ARNs of the secrets of keys and of their JWTs: a key's id, `/jwt`, and six letters of Secrets Manager's. */
  get keyArns(): string {
    const name = keySecretName(this.prefix, '*');
    return Stack.of(this).formatArn({ service: 'secretsmanager', resource: `secret:${name}` });
  }

  /** Spells `keyArns` as cdk-nag does in the name of a finding. */
  get keyArnsFinding(): string {
    const { stackName } = Stack.of(this);
    const deployment = JSON.stringify(Stack.of(this).resolve(this.deployment));
    const name = keySecretName(`hallpass/${stackName}/${deployment}`, '*');
    return `arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:${name}`;
  }

  private makeProviderSecret(provider: string): Secret {
    const secret = new Secret(this, provider, {
      secretName: providerSecretName(this.prefix, provider),
      description: `API key of the provider "${provider}", as plain text`,
      // CloudFormation writes this placeholder once. It never changes, so no update overwrites the API key.
      secretStringValue: SecretValue.unsafePlainText(PLACEHOLDER),
      removalPolicy: RemovalPolicy.RETAIN,
    });
    Validations.of(secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'A provider issues its API key by hand; Secrets Manager cannot rotate it.',
    });
    return secret;
  }
}
