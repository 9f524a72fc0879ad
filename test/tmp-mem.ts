import http from 'node:http';
import { spawn } from 'node:child_process';
import v8 from 'node:v8';
import { startTestGateway } from './support/local-gateway.ts';
const line = (c: any) => new Promise<string>(ok => { let s=''; c.stdout.on('data', (d: any) => { s+=d; if (s.includes('\n')) ok(s.split('\n')[0]); }); });
const up = spawn(process.execPath, ['/tmp/bench/up2.mjs']); const upUrl = await line(up);
const t = spawn(process.execPath, ['/tmp/bench/table.mjs']); const tUrl = await line(t);
const w = process.stdout.write; 
(process.stdout as any).write = (s: any, ...a: any[]) => String(s).startsWith('{"level') ? true : (w as any).call(process.stdout, s, ...a);
const g = await startTestGateway({ providerUrls: { openai: `${upUrl}/v1` }, variables: { AWS_ENDPOINT_URL_DYNAMODB: tUrl } });
const agent = new http.Agent({ keepAlive: true });
const u = new URL(g.url);
const go = () => new Promise<void>((ok, ko) => { const b = JSON.stringify({ model: 'openai/gpt-4o-mini', max_tokens: 10, messages: [{ role: 'user', content: 'hello '.repeat(20) }] }); const r = http.request({ host: u.hostname, port: u.port, method: 'POST', path: '/v1/chat/completions', agent, headers: { authorization: `Bearer ${g.token}`, 'content-length': b.length } }, x => { x.resume(); x.on('end', () => x.statusCode === 200 ? ok() : ko(new Error(String(x.statusCode)))); }); r.on('error', ko); r.end(b); });
const mem = (n: string) => { const m = process.memoryUsage(); console.log(n, 'rss', m.rss >> 20, 'heapUsed', m.heapUsed >> 20, 'heapTotal', m.heapTotal >> 20, 'ext', m.external >> 20, 'ab', m.arrayBuffers >> 20); };
mem('start');
for (let i = 0; i < 500; i++) await go(); mem("warm"); for (let k = 0; k < 3; k++) { const c = process.cpuUsage(); const s = performance.now(); for (let i = 0; i < 500; i++) await go(); const d = process.cpuUsage(c); console.log("c1 cpu us/req", (d.user + d.system) / 500 | 0, "wall", (performance.now() - s) / 500); await Promise.all(Array.from({ length: 32 }, async () => { for (let i = 0; i < 15; i++) await go(); })); mem("load"); }
await g.close(); up.kill(); t.kill();
