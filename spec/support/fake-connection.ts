import type { CommError } from '../../lib/comm-error.js';
import { Endpoint } from '../../lib/endpoint.js';
import { type CommunicatorOptions, resolveOptions } from '../../lib/options.js';
import { encodeHandshake } from '../../lib/sfm/handshake.js';
import { MessageRouter } from '../../lib/sfm/message-router.js';
import { Session } from '../../lib/sfm/session.js';
import type { SessionRole } from '../../lib/sfm/session-context.js';
import { admitAll, withAdmission } from '../../lib/sfm/with-admission.js';
import { BaseConnection } from '../../lib/transport/base-connection.js';
import type { ConnectionProperties } from '../../lib/transport/connection.js';
import { Mode } from '../../lib/transport/driver.js';
import { decodeFrame, type Frame } from '../../lib/wire/frame.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { concatBytes, frameOf } from './bytes.js';

/** A connection worked by hand: it keeps what is sent, and is full, drained and ended when told. */
export class FakeConnection extends BaseConnection {
  /** Whole frames, as they were sent. */
  readonly sent: Uint8Array[] = [];
  /** It becomes full with the frame after which this is 0. */
  fillsAfter = Infinity;
  /** It ends with the frame after which this is 0. */
  endsAfter = Infinity;
  /** It throws at the frame at which this becomes 0. */
  throwsAt = Infinity;
  /** A close without a reason waits for `finish`. */
  holdsClose = false;
  protected override readonly finishesInOrder: boolean = true;
  override bufferedBytes = 0;
  override bufferedFrames = 0;
  /** How often reading was paused and resumed. */
  pauses = 0;
  resumes = 0;

  constructor(
    properties: ConnectionProperties = { local_addr: '127.0.0.1:1000', peer_addr: '127.0.0.1:2000' },
  ) {
    super(properties);
  }

  /** What was sent, taken apart. */
  get frames(): readonly Frame[] {
    return this.sent.map(decodeFrame);
  }

  /** A frame comes from the peer. */
  deliver(frame: Uint8Array): void {
    this.alive();
    this.receive(frame);
  }

  /** `send` answers false from the next frame on. */
  fill(): void {
    this.bufferedBytes = this.highWaterMarkBytes;
  }

  /** There is room again. */
  drain(): void {
    this.bufferedBytes = 0;
    this.wrote();
  }

  /** Something is written, and `bufferedBytes` says whether there is room again. */
  advance(): void {
    this.wrote();
  }

  /** The connection ends. */
  finish(error?: CommError): void {
    this.end(error);
  }

  protected override write(head: Uint8Array, payload = new Uint8Array(0)): void {
    this.throwsAt -= 1;
    if (this.throwsAt === 0) throw new Error('no room');
    this.sent.push(concatBytes([head, payload]));
    this.fillsAfter -= 1;
    if (this.fillsAfter === 0) this.fill();
    this.endsAfter -= 1;
    if (this.endsAfter === 0) this.end();
  }

  protected override startReading(): void {
    // Frames come by `deliver`.
  }

  protected override pauseReading(): void {
    this.pauses += 1;
  }

  protected override resumeReading(): void {
    this.resumes += 1;
  }

  protected override finishWriting(): void {
    if (!this.holdsClose) this.end();
  }

  protected override release(): Promise<void> {
    return Promise.resolve();
  }
}

/** A session of the endpoint `hub` on a connection. */
export function sessionOn(
  connection: FakeConnection,
  role: Partial<SessionRole> = {},
  options: CommunicatorOptions = {},
  router = new MessageRouter(1_000),
): Session {
  return new Session(
    connection,
    { handle: 'CH00001', scheme: 'tcp', mode: Mode.PASSIVE, mtls: false, heartbeat: true, ...role },
    { local: new Endpoint('hub'), options: resolveOptions(options), router },
  );
}

/** The same with the handshake done: `connection` has sent READY, and is not settled yet. */
export function readySessionOn(
  connection: FakeConnection,
  options: CommunicatorOptions = {},
  router?: MessageRouter,
): Session {
  const session = sessionOn(connection, {}, options, router);
  session.events$.pipe(withAdmission(admitAll)).subscribe((event) => {
    if (event.type === 'admitted') session.welcome(event.endpoint, () => 17);
  });
  connection.deliver(helloOf(new Endpoint('site-1')));
  return session;
}

/** The HELLO of an endpoint, or its READY. */
export function helloOf(
  endpoint: Endpoint,
  type: typeof FrameType.HELLO | typeof FrameType.READY = FrameType.HELLO,
): Uint8Array {
  return frameOf({ type, appId: 0, streamId: 1 }, encodeHandshake(endpoint, 0));
}
