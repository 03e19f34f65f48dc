import { type Cell, CellError, type CellRequest, ReturnCode } from '../../lib/cellnet/index.js';
import { type FobsValue, PyObject } from '../../lib/fobs/value.js';
import type { FakeReply } from './fake-flare-server.js';

type Fields = Readonly<Record<string, FobsValue>>;

/** Fails a request before the server has heard of it, or after. */
export interface Fault {
  /** Counted from 1. */
  readonly request: number;
  readonly heard: boolean;
  /** The server begins anew, and knows of no transfer. */
  readonly restarts?: boolean;
}

/** The part of a fake server that takes jobs and gives results, with faults at will. */
export class FakeTransfers {
  faults: readonly Fault[] = [];
  /** What the server answers to the last chunk in place of the ID of a job. */
  refusal: FakeReply | undefined;
  /** The fields of chunks are called as in 2.7. */
  isOld = false;
  /** What a download offers. */
  files: Record<string, Uint8Array> = {};
  /** How many bytes of a file it sends at a time. */
  stepBytes = 1_000;
  /** Jobs by what makes them one. */
  readonly jobs = new Map<string, Uint8Array>();
  /** What came to no question: confirmations of files, and ends of uploads. */
  readonly told: Fields[] = [];
  /** Chunks and steps of files so far. */
  requests = 0;
  #offers = 0;
  #uploads = new Map<string, { readonly line: string; readonly chunks: Uint8Array[] }>();
  #references = new Map<string, Uint8Array>();

  /** Answers at a cell. */
  constructor(cell: Cell) {
    cell.handle('aux_communication', 'ObjectStreamer.Request', (chunk) =>
      this.#request(() => this.#chunk(fieldsOf(chunk.payload))),
    );
    cell.handle('aux_communication', 'ObjectStreamer.Abort', (end) => this.#tell(end));
    cell.handle('download_service__', 'download_service__download', (step) => {
      const fields = fieldsOf(step.payload);
      return 'confirm' in fields ? this.#tell(step) : this.#request(() => this.#step(fields));
    });
  }

  /** Answers `download_job`. */
  offer(): FakeReply {
    this.#offers += 1;
    const files = Object.entries(this.files).map(([name, bytes]) => {
      const refId = `${name}@${this.#offers}`;
      this.#references.set(refId, bytes);
      return [name, refId];
    });
    return { meta: { status: 'ok', files, source_fqcn: 'server', tx_id: 't' } };
  }

  #tell({ payload }: CellRequest): FobsValue {
    this.told.push(fieldsOf(payload));
    return null;
  }

  #request(answer: () => FobsValue): FobsValue {
    this.requests += 1;
    const fault = this.faults.find(({ request }) => request === this.requests);
    const heard = fault?.heard === false ? undefined : answer();
    if (fault?.restarts === true) {
      this.#uploads = new Map();
      this.#references = new Map();
    }
    if (fault === undefined) return heard;
    throw new CellError(ReturnCode.COMM_ERROR, 'the neighbour has gone');
  }

  /** As the `ObjectStreamer` of NVFlare: it appends what comes, and knows a sequence by its first chunk. */
  #chunk(fields: Fields): FobsValue {
    const headers = fieldsOf(fields.__headers__);
    const id = textOf(headers['ObjectStreamer.TX_ID']);
    if (headers['ObjectStreamer.SEQ'] === 0) {
      const line = lineIn(textOf(fieldsOf(headers['ObjectStreamer.CTX']).conn_data));
      this.#uploads.set(id, { line, chunks: [] });
    }
    const upload = this.#uploads.get(id);
    if (upload === undefined) return { __headers__: { __rc__: 'BAD_REQUEST_DATA' } };
    const prefix = this.isOld ? 'FileStreamer' : 'Streamer';
    const data = fields[`${prefix}.data`];
    if (!(data instanceof Uint8Array)) return { __headers__: { __rc__: 'EXECUTION_EXCEPTION' } };
    upload.chunks.push(data.slice());
    if (fields[`${prefix}.eof`] !== true) return { __headers__: { __rc__: 'OK' } };
    return { __headers__: { __rc__: 'OK', 'ObjectStreamer.END_RESULT': JSON.stringify(this.#end(upload)) } };
  }

  #end({ line, chunks }: { readonly line: string; readonly chunks: readonly Uint8Array[] }): FakeReply {
    if (this.refusal !== undefined) return this.refusal;
    const token = /--submit-token (\S+)/.exec(line)?.[1] ?? `without a token ${this.jobs.size}`;
    if (!this.jobs.has(token)) this.jobs.set(token, Buffer.concat(chunks));
    return { data: [], meta: { status: 'ok', job_id: `job-${[...this.jobs.keys()].indexOf(token)}` } };
  }

  /** As the `FileDownloadable` of NVFlare: the state is how much has been received. */
  #step({ ref_id, state }: Fields): FobsValue {
    const bytes = this.#references.get(textOf(ref_id));
    if (bytes === undefined) return { status: 'error' };
    const { received_bytes: at = 0 } = fieldsOf(state);
    if (Number(at) >= bytes.length)
      return { status: 'eof', confirm_expected: true, confirm_nonce: `nonce of ${textOf(ref_id)}` };
    const data = bytes.slice(Number(at), Number(at) + this.stepBytes);
    return { status: 'ok', data, state: { received_bytes: Number(at) + data.length } };
  }
}

/** The command of a request. */
function lineIn(request: string): string {
  const { data } = JSON.parse(request) as { data: { type: string; data: string }[] };
  return data.find(({ type }) => type === 'command')?.data ?? '';
}

function fieldsOf(value: FobsValue): Fields {
  const fields = value instanceof PyObject ? value.data : value;
  return (fields ?? {}) as Fields;
}

function textOf(value: FobsValue): string {
  return typeof value === 'string' ? value : '';
}
