/** A gateway's tables and secrets in the place of AWS's, and a stack's outputs that name them. */
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { listen } from '../../local/listen.ts';
import { startTestGateway, type TestGateway } from './local-gateway.ts';

/** The configuration of the stack, which differs from that of the folder. */
const CONFIG = { providers: { openai: {} }, defaults: { limits: ['user:requests:day=7'] } };

/** The identity of the caller, as the stand-in answers it. */
export const CALLER_ARN = 'arn:aws:iam::123456789012:user/grace';

const outputsOf = ({ environment, deployment }: { environment: object; deployment: string }) => {
  const { keysTable, walletsTable, usageTable, secretPrefix } = Object(environment);
  const outputs = {
    KeysTable: keysTable,
    WalletsTable: walletsTable,
    UsageTable: usageTable,
    SecretPrefix: secretPrefix,
    Deployment: deployment,
  };
  return Object.entries(outputs).map(
    ([key, value]) =>
      `<member><OutputKey>${key}</OutputKey><OutputValue>${value}</OutputValue></member>`,
  );
};

export interface StackStandIn {
  readonly gateway: TestGateway;
  /** Variables of a command: its stack `Hallpass` is the gateway, `Gone` is missing, any other is no gateway. */
  readonly variables: Readonly<Record<string, string>>;
  /** The calls of CloudFormation and STS, in order. */
  readonly asked: string[];
  close(): Promise<void>;
}

export async function startStackStandIn(): Promise<StackStandIn> {
  const asked: string[] = [];
  const gateway = await startTestGateway();
  const { environment } = gateway;
  const aws = createServer(async (request, response) => {
    const form = new URLSearchParams(await text(request));
    asked.push(`${form.get('Action')} ${form.get('StackName') ?? ''}`.trim());
    response.setHeader('content-type', 'text/xml');
    if (form.get('Action') === 'GetCallerIdentity') {
      response.end(`<R><Arn>${CALLER_ARN}</Arn></R>`);
    } else if (form.get('StackName') === 'Gone') {
      response.writeHead(400);
      response.end(
        '<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id Gone does not exist</Message></Error></ErrorResponse>',
      );
    } else if (form.get('Action') === 'GetTemplate') {
      const text = JSON.stringify({ Metadata: { HallpassConfig: CONFIG } });
      response.end(
        `<GetTemplateResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><GetTemplateResult><TemplateBody>${text.replaceAll('"', '&quot;')}</TemplateBody></GetTemplateResult></GetTemplateResponse>`,
      );
    } else {
      const isOurs = form.get('StackName') === 'Hallpass';
      const outputs = isOurs ? outputsOf({ environment, deployment: 'a deployment' }) : [];
      response.end(
        `<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks><member><StackName>x</StackName><CreationTime>2026-11-20T12:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus><Outputs>${outputs.join('')}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`,
      );
    }
  });
  const url = await listen(aws);
  const variables = {
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: environment.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: environment.credentials.secretAccessKey,
    AWS_ENDPOINT_URL_CLOUDFORMATION: url,
    AWS_ENDPOINT_URL_STS: url,
    AWS_ENDPOINT_URL_DYNAMODB: environment.dynamodbUrl,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: environment.secretsManagerUrl,
  };
  return {
    gateway,
    variables,
    asked,
    async close() {
      aws.close().closeAllConnections();
      await gateway.close();
    },
  };
}
