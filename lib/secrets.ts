/**
 * Where secrets are kept: one per provider that needs a key, made here with a placeholder that stands for "not set";
 * the secrets of keys are made below `<prefix>/key/` by the command line, when a key is made.
 */
import { Aws, Fn, RemovalPolicy, SecretValue, Stack, Validations } from 'aws-cdk-lib';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { keySecretName, providerSecretName } from '../adapters/table-schema.ts';

/** The value of a provider's secret until its API key is put there; read as "not set". */
const PLACEHOLDER = '{"placeholder":true}';

export interface SecretsProps {
  /** Names of the provider secrets, each once. */
  readonly providers: readonly string[];
}

export class Secrets extends Construct {
  /**
   * `hallpass/<stack name>/<8 letters of the stack's id>`: a name of its own for every deployment, because the
   * secrets of a deleted stack stay, as its tables do, and would stand in the way of the next one of that name.
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

  /** The ARNs of the secrets of keys and of their JWTs: the star is a key's id, `/jwt`, and the six letters Secrets Manager adds. */
  get keyArns(): string {
    const name = keySecretName(this.prefix, '*');
    return Stack.of(this).formatArn({ service: 'secretsmanager', resource: `secret:${name}` });
  }

  /** `keyArns` in the spelling of cdk-nag, which names a finding by it. */
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
      // Not a secret. CloudFormation writes it once; it never changes here, so no update overwrites the key put in its place.
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
