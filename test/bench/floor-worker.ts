import { createEndpointHandler } from '@restatedev/restate-sdk';

import { RestateAdmin } from '../../services/restate/admin.ts';
import { serveEndpoint } from '../../services/worker/http2-endpoint.ts';
import { floorRelease, floorTenant } from './floor-services.ts';

// Serves the floor services in their own process, as the real worker does.
const [adminUrl] = process.argv.slice(2);
if (!adminUrl) throw new Error('usage: floor-worker.ts ADMIN_URL');
const listener = createEndpointHandler({ services: [floorTenant, floorRelease], logger: () => undefined });
const endpoint = await serveEndpoint(listener, '127.0.0.1', 0);
await new RestateAdmin(adminUrl).registerDeployment(`http://127.0.0.1:${endpoint.port}`);
process.send?.({ ready: true });
process.on('disconnect', () => process.exit(0));
