#!/bin/sh
# Whether the Kafka of this container takes connections. A listener that answers is enough for a check every ten seconds;
# a Java tool for each would cost more than the broker. Bash opens the socket; the first start also waits for SCRAM users.
exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/9092'
