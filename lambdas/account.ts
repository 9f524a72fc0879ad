/**
 * The account function: answers what a credential may call and has spent, issues tokens, and answers 404 elsewhere.
 */
import middy from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import {
  readGrant,
  readHttpRequest,
  readRequestId,
  toJsonResult,
} from '../adapters/api-gateway/events.ts';
import type { FunctionSettings } from '../adapters/aws/environment.ts';
import { callDynamoDb, callSecretsManager } from '../adapters/aws/https-call.ts';
import { makeProviderKeyLook } from '../adapters/aws/provider-key-look.ts';
import { makeWalletMarks } from '../adapters/dynamodb/marks.ts';
import { makePeople } from '../adapters/dynamodb/people.ts';
import { makeRevokedList } from '../adapters/dynamodb/revoked-list.ts';
import { makeRollups } from '../adapters/dynamodb/rollups.ts';
import { makeUsageRows } from '../adapters/dynamodb/usage-rows.ts';
import { makeUserChanges } from '../adapters/dynamodb/user-changes.ts';
import { makeWallets } from '../adapters/dynamodb/wallets.ts';
import { makeLog } from '../adapters/log.ts';
import { systemClock as clock, systemRandom as random } from '../adapters/system.ts';
import { type AccountPorts, account } from '../core/account.ts';
import type { Log } from '../core/base/ports.ts';
import { makeCatalogue } from '../core/models/catalogue.ts';
import { makePriceBook, PRICE_TABLE } from '../core/models/pricing.ts';
import { canProviderAnswer, findProvider, pricePartsOf } from '../core/providers/provider.ts';
import { refuse } from './refusal.ts';

const CALL_TIMEOUT_MS = 3_000;

export function makeAccountHandler(
  settings: FunctionSettings,
  log: Log = makeLog(undefined, settings.environment),
) {
  const ports = makePorts(settings);
  return middy<APIGatewayProxyEvent, APIGatewayProxyResult>().handler(async (event, context) => {
    const requestId = readRequestId(context);
    try {
      const request = readHttpRequest(event);
      const { status, body, headers } = await account(request, readGrant(event), ports);
      const result = toJsonResult(status, body, requestId);
      return { ...result, headers: { ...result.headers, ...headers } };
    } catch (error) {
      return refuse(error, event, { requestId, log });
    }
  });
}

function makePorts(settings: FunctionSettings): AccountPorts {
  const { environment, config, canAnswer, callTimeoutMs = CALL_TIMEOUT_MS } = settings;
  const { providerUrls, secretPrefix } = environment;
  const { keysTable, walletsTable, usageTable } = environment;
  const dynamodb = callDynamoDb(environment, callTimeoutMs);
  const secretsManager = callSecretsManager(environment, callTimeoutMs);
  const hasKey = makeProviderKeyLook(secretsManager, secretPrefix, clock);
  const prices = makePriceBook(PRICE_TABLE, config.prices, pricePartsOf(config));
  return {
    clock,
    random,
    hasSignIn: config.signIn !== undefined,
    wallets: makeWallets(dynamodb, walletsTable),
    people: makePeople(dynamodb, walletsTable),
    userChanges: makeUserChanges(dynamodb, usageTable),
    marks: makeWalletMarks(dynamodb, walletsTable),
    revokedList: makeRevokedList(dynamodb, keysTable),
    usage: {
      ...makeUsageRows(dynamodb, usageTable),
      readRollups: makeRollups(dynamodb, usageTable).readRollups,
    },
    models: {
      catalogue: makeCatalogue({ config, providerUrls, prices, table: PRICE_TABLE }),
      names: { config, providerUrls },
      canAnswer:
        canAnswer ??
        ((name) => canProviderAnswer(findProvider(config, providerUrls, name), hasKey)),
    },
  };
}
