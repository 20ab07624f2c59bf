// Follows a bundle with the installed package, and prints each generation that it runs, until it is stopped.
import { openFollower } from '@pointsman/client/follower';

const [url, tenant, bundle, folder] = process.argv.slice(2);
const follower = await openFollower({
  url,
  token: process.env.POINTSMAN_TOKEN,
  tenant,
  bundle,
  name: `node-${process.versions.node.split('.')[0]}`,
  folder,
});
const show = ({ generation }) => console.log(`${process.version} generation ${generation}`);
show(follower.current);
follower.onChange(show);
process.on('SIGTERM', () => void follower.close());
