import { createSign, generateKeyPairSync, randomBytes } from 'node:crypto';
import { OWN_LOOPBACK } from './own-loopback.ts';

/** A key and a self-signed certificate for this machine, as PEM. Encoded by hand, because Node cannot create X.509 certificates. */
export function selfSigned(): { key: string; certificate: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = sequence(objectId('2a8648ce3d040302'));
  const name = sequence(set(sequence(objectId('550403'), der(0x0c, Buffer.from('lazypirate test')))));
  const validity = sequence(time(new Date(Date.now() - 3_600_000)), time(new Date(Date.now() + 86_400_000)));
  const addresses = ['127.0.0.1', OWN_LOOPBACK].map((ip) =>
    der(0x87, Buffer.from(ip.split('.').map(Number))),
  );
  const loopback = sequence(objectId('551d11'), der(0x04, sequence(...addresses)));
  const authority = sequence(
    objectId('551d13'),
    der(0x01, Buffer.from([0xff])),
    der(0x04, sequence(der(0x01, Buffer.from([0xff])))),
  );
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    name,
    validity,
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(authority, loopback)),
  );
  const signature = createSign('sha256').update(body).sign(privateKey);
  const certificate = sequence(
    body,
    ecdsaWithSha256,
    der(0x03, Buffer.concat([Buffer.from([0]), signature])),
  );
  // Without an empty line at the end where the last one is full: that would be no PEM.
  const lines = certificate.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
  };
}

/** A value in the distinguished encoding of ASN.1 (X.690). */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...parts: Buffer[]) => der(0x30, Buffer.concat(parts));
const set = (...parts: Buffer[]) => der(0x31, Buffer.concat(parts));
const objectId = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
const time = (at: Date) => der(0x17, Buffer.from(`${at.toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`));
