import path from 'node:path';
import { asFault, Fault } from '@gantry/oci';
import { type Channel, type GateConfiguration as GateSettings, openGates } from '@gantry/pipeline';
import { type ChannelConfiguration, type GateConfiguration, readPem } from '@gantry/service';

/**
 * The channels as the flow works with them: files of their gates are read, patterns and keys are looked at.
 * @throws Fault CONFIGURATION_INVALID, naming the gate, for a file that can't be read or holds something else
 */
export async function openChannels(channels: readonly ChannelConfiguration[]): Promise<readonly Channel[]> {
  return Promise.all(
    channels.map(async ({ gates: configured, ...channel }, index) => {
      const settings: GateSettings[] = [];
      for (const [at, gate] of configured.entries())
        settings.push(await gateSettings(gate, `channels[${index}].gates[${at}]`));
      return configured.length === 0 ? channel : { ...channel, gates: open(channel.name, settings) };
    }),
  );
}

function open(channel: string, settings: readonly GateSettings[]): NonNullable<Channel['gates']> {
  try {
    return openGates(settings);
  } catch (error) {
    const { code, message, details } = asFault(error);
    throw new Fault(code, `the channel ${channel}: ${message}`, { ...details, channel }, { cause: error });
  }
}

/** What the configuration names is read now. */
async function gateSettings(gate: GateConfiguration, key: string): Promise<GateSettings> {
  if ('signature' in gate) {
    const { signature, ...rest } = gate;
    const keys = await Promise.all(
      signature.keyFiles.map(async (file, at) => ({
        name: path.basename(file),
        pem: await readPem(file, `${key}.signature.keyFiles[${at}]`),
      })),
    );
    return {
      ...rest,
      signature: { keys, ...(signature.count === undefined ? {} : { count: signature.count }) },
    };
  }
  if ('http' in gate) {
    const { http, ...rest } = gate;
    const { url, timeoutMs, token, caFile } = http;
    return {
      ...rest,
      http: {
        url,
        timeoutMs,
        ...(token === undefined ? {} : { token: await token.read() }),
        ...(caFile === undefined ? {} : { ca: await readPem(caFile, `${key}.http.caFile`) }),
      },
    };
  }
  return gate;
}
