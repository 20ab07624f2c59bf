// Publishes a bundle with the installed package, waits until it has settled, and prints how it ended.
import { apiClient, publish, settledRelease } from '@pointsman/client';

const [url, tenant, bundle] = process.argv.slice(2);
const client = apiClient({ url, token: process.env.POINTSMAN_TOKEN });
const files = new Map([['limits.yaml', `node: ${process.versions.node}\n`]]);
const accepted = await publish(client, { tenant, bundle }, files, { message: process.version });
const { version, outcome } = await settledRelease(client, accepted, AbortSignal.timeout(120_000));
console.log(`v${version} ${outcome}`);
