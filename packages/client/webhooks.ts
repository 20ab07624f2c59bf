export { ReceivedMoves, type Received } from './webhooks/received-moves.ts';
export { webhookReceiver, type WebhookReceiver } from './webhooks/receiver.ts';
export { verifyWebhook, type Delivered, type Verified } from './webhooks/verify.ts';
