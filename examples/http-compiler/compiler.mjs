// A remote compiler over HTTP: takes a job, answers 202 at once, works, uploads what it made, and calls back. README.md says how to run it.
import { timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

import { digestOf } from '@pointsman/protocol/digest';
import { work } from './work.mjs';

const CONTRACT = 'pointsman.compile/v1';
const LIMITS = {
  jobBytes: 64 * 1024,
  // Jobs at a time: each holds its source several times over. Pointsman comes back with what it is told 503 for.
  jobs: 4,
};

const { PORT = '7500', HOST = '127.0.0.1', COMPILER_TOKEN = '', POINTSMAN_URL = '' } = process.env;

let working = 0;

createServer((request, response) => {
  take(request).then(
    ({ status, job }) => {
      response
        .writeHead(status, { 'content-length': 0, ...(status === 503 ? { 'retry-after': 5 } : {}) })
        .end();
      if (!job) return;
      // What is lost with this process Pointsman asks for again: a job has a deadline, and a policy its attempts.
      working++;
      void work(job).then((outcome) => {
        working--;
        console.log(`${job.correlationId}: ${outcome}`);
      });
    },
    () => response.writeHead(400, { connection: 'close' }).end(),
  );
}).listen(Number(PORT), HOST, function () {
  console.log(`ready on http://${HOST}:${this.address().port}`);
});

async function take(request) {
  if (request.method !== 'POST') return { status: 405 };
  if (COMPILER_TOKEN !== '' && !isToken(request.headers.authorization ?? '')) return { status: 401 };
  if (Number(request.headers['content-length'] ?? Infinity) > LIMITS.jobBytes) return { status: 413 };
  const job = JSON.parse(await text(request));
  if (job.contract !== CONTRACT) return { status: 422 };
  if (!isPointsmans(job)) return { status: 403 };
  return working < LIMITS.jobs ? { status: 202, job } : { status: 503 };
}

/** Compares digests, which have one length, in a time that tells nothing of either. */
function isToken(authorization) {
  const [given, wanted] = [authorization, `Bearer ${COMPILER_TOKEN}`].map((each) =>
    Buffer.from(digestOf(each)),
  );
  return timingSafeEqual(given, wanted);
}

/** Whoever can post a job here could make this server call anybody otherwise. */
function isPointsmans({ source, upload, callback }) {
  if (POINTSMAN_URL === '') return true;
  const { origin } = new URL(POINTSMAN_URL);
  return [source, upload, callback].every(({ url }) => new URL(url).origin === origin);
}
