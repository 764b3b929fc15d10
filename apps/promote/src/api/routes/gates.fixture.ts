import { type Channel, type GateConfiguration, openGates } from '@gantry/pipeline';
import { type ApiFixture, openApi } from '../api.fixture.ts';

export interface GatedApi extends ApiFixture {
  /** The image that `fedora/httpd:v1` means, which the tests promote. */
  readonly digest: string;
  /** Asks for its promotion to `stable`, and has it worked on. @returns as it stands then */
  ask(token?: 'releaser' | 'admin'): Promise<Promoted>;
  /** Has a promotion worked on, as a worker would. */
  again(id: string): Promise<Promoted>;
}

interface Promoted {
  readonly id: string;
  readonly state: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- each test knows what it looks at
  readonly gates: any;
}

/** The API with a channel `stable` that has these gates, and an image to come into it. */
export async function openGated(gates: readonly GateConfiguration[]): Promise<GatedApi> {
  const channels: readonly Channel[] = [
    { name: 'testing', prefix: 'testing/', publish: true },
    { name: 'stable', prefix: '', publish: true, gates: openGates(gates) },
  ];
  const api = await openApi({ channels });
  const { digest } = await api.putCandidate('fedora/httpd', 'v1');
  const again = async (id: string) => {
    await api.work(id);
    return (await api.call('GET', `/api/v1/promotions/${id}`)).body as Promoted;
  };
  return Object.assign(api, {
    digest,
    again,
    async ask(token: 'releaser' | 'admin' = 'releaser') {
      const body = { to: 'stable', items: [{ repository: 'fedora/httpd', reference: 'v1' }] };
      return again((await api.call('POST', '/api/v1/promotions', { token, body })).body.id);
    },
  });
}
