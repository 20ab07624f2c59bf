/**
 * The limits of resources that many holders share within one process: see `Shares`. Sizes are in bytes.
 */

const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * Limits of the open connections per network, and per address within a network. One network can have at most 4,500 of the 12,000
 * connections of a process, and one address at most 1,687.
 *
 * A limit per address alone would not be sufficient. One IPv4 network has 256 addresses, and one IPv6 /48 has 65,536 /64 prefixes, which
 * together could use all connections.
 */
export const connectionLevels = [
  /** The limits of connections per network: an IPv4 /24 or an IPv6 /48. 150 networks are guaranteed 20 connections each. */
  { minimum: 20, reserved: 0.25 },
  /**
   * The limits of connections per address within a network: an IPv4 address or an IPv6 /64. 56 addresses are guaranteed 20 of the network's
   * 4,500 connections each.
   */
  { minimum: 20, reserved: 0.25 },
] as const;

/**
 * Limits of the memory for request bodies that contain a source or a blob. A body is counted from its first byte until it has been stored.
 */
export const bodyShares = {
  /**
   * The total memory for request bodies that contain a source or a blob. Five bodies of the maximum size fit, or thousands of typical size.
   * One tenant can use at most 96 MiB, and two tenants together at most 144 MiB.
   */
  capacity: 256 * MiB,
  /** The limits of this memory per tenant. 64 tenants are guaranteed 1 MiB each, which is the size of a typical source. */
  levels: [{ minimum: MiB, reserved: 0.25 }],
} as const;

/**
 * Limits of the memory for hook deliveries. A sender can be authenticated only after the whole body has arrived, because the signature
 * covers the body. The memory is therefore limited per source address, per tenant and per hook. Bodies for unknown hooks have separate
 * limits and are not kept.
 */
export const deliveryShares = {
  /**
   * The total memory for hook deliveries. One source address can use at most 24 MiB, one tenant within it 9 MiB, and one hook 4.5 MiB. The
   * largest allowed delivery fits into 4.5 MiB.
   */
  capacity: 64 * MiB,
  levels: [
    /**
     * The limits of the memory for deliveries per source address. All senders behind one proxy count as one address. 64 addresses are
     * guaranteed 256 KiB each.
     */
    { minimum: 256 * KiB, reserved: 0.25 },
    /**
     * The limits of the memory for deliveries per tenant, within one source address. 96 tenants are guaranteed 64 KiB each, which is enough
     * for two typical pushes of 10 to 30 KiB.
     */
    { minimum: 64 * KiB, reserved: 0.25 },
    /** The limits of the memory for deliveries per hook, within its tenant. */
    { minimum: 64 * KiB, reserved: 0 },
  ],
} as const;

/**
 * Limits of the number of long-polls and event streams that are open at the same time. The streams of pointers, releases and feeds all
 * count.
 */
export const waitingShares = {
  /** The total number of long-polls and event streams in one process. One tenant can have at most 3,750, and one token at most 1,406. */
  capacity: 10_000,
  levels: [
    /**
     * The limits of long-polls and event streams per tenant. All platform tokens together count as one tenant. 125 tenants are guaranteed
     * 20 each.
     */
    { minimum: 20, reserved: 0.25 },
    /** The limits of long-polls and event streams per token, within its tenant. */
    { minimum: 5, reserved: 0.25 },
  ],
} as const;

/** Limits of the memory for responses that clients have not received yet, including the events of streams. */
export const responseShares = {
  /**
   * The total memory for unsent responses. One tenant can use at most 96 MiB, and one token at most 36 MiB. That is enough for 36 downloads
   * of large content whose readers have stopped reading.
   */
  capacity: 256 * MiB,
  levels: [
    /**
     * The limits of response memory per tenant. 32 tenants are guaranteed 2 MiB each, which is enough for two downloads of large content.
     */
    { minimum: 2 * MiB, reserved: 0.25 },
    /** The limits of response memory per token, or per source address for requests without a token. */
    { minimum: MiB, reserved: 0.25 },
  ],
} as const;
