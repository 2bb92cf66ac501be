"""The shaders: GLSL 3.30. Pictures are upside down for OpenGL, so that their first row is the upper one."""

from typing import Final

__all__ = ["COMPOSE", "DEPTH", "FILL", "OCCLUSION", "OUTLINE", "VEHICLE", "static"]

_HEAD: Final = "#version 330\n"

_NOISE: Final = """
float hash(vec2 p) { p = fract(p * vec2(0.1031, 0.11369)); p += dot(p, p.yx + 33.33); return fract((p.x + p.y) * p.x * 7.13); }
float hash3(vec3 p) { return hash(p.xy + 17.17 * p.z); }
float noise(vec2 p) {
    vec2 cell = floor(p), f = fract(p);
    f = f * f * (3.0 - 2.0 * f);
    return mix(mix(hash(cell), hash(cell + vec2(1, 0)), f.x), mix(hash(cell + vec2(0, 1)), hash(cell + vec2(1, 1)), f.x), f.y);
}
float cloudy(vec2 p) {
    float sum = 0.0, share = 0.5;
    for (int octave = 0; octave < 5; octave++) { sum += share * noise(p); p = p * 2.03 + vec2(13.7, 7.1); share *= 0.5; }
    return sum / 0.97;
}
"""

_SKY: Final = """
uniform vec3 sun_direction;
uniform vec3 sun_colour;
uniform vec3 zenith;
uniform vec3 horizon;
uniform float overcast;
vec3 sky(vec3 ray) {
    float up = max(ray.z, 0.0);
    vec3 clear = mix(horizon, zenith, pow(max(up, 1e-5), 0.45));
    vec2 place = ray.xy / (up + 0.12) * 1.3;
    float cover = smoothstep(0.62 - 0.4 * overcast, 0.86 - 0.3 * overcast, cloudy(place + 3.7)) * smoothstep(0.0, 0.12, up);
    vec3 cloud = horizon * (0.85 + 0.5 * cloudy(place * 2.1 + 9.1));
    float glow = pow(max(dot(ray, sun_direction), 1e-4), 24.0);
    return mix(clear, cloud, cover) + sun_colour * 0.05 * glow;
}
"""

_SHADOW: Final = """
const vec2 TAPS[8] = vec2[8](vec2(-0.326, -0.406), vec2(-0.840, -0.074), vec2(-0.696, 0.457), vec2(-0.203, 0.621),
    vec2(0.962, -0.195), vec2(0.473, -0.480), vec2(0.519, 0.767), vec2(0.185, -0.893));
float lit(sampler2DShadow map, mat4 matrix, vec3 place, float radius, float bias) {
    vec3 at = (matrix * vec4(place, 1.0)).xyz * 0.5 + 0.5;
    if (any(lessThan(at, vec3(0.0))) || any(greaterThan(at, vec3(1.0)))) return 1.0;
    float sum = 0.0;
    for (int tap = 0; tap < 8; tap++) sum += texture(map, vec3(at.xy + TAPS[tap] * radius, at.z - bias));
    return sum / 8.0;
}
"""

_MESH_VERTEX: Final = (
    _HEAD
    + """
uniform mat4 to_clip;
uniform mat4 to_world;
in vec3 in_point; in vec3 in_normal; in vec3 in_colour;
in float in_metallic; in float in_roughness; in float in_opacity; in float in_emission; in float in_kind;
out vec3 place; out vec3 own_place; out vec3 normal; out vec3 own_normal; out vec3 colour;
flat out float metallic; flat out float roughness; flat out float opacity; flat out float emission; flat out int kind;
void main() {
    vec4 there = to_world * vec4(in_point, 1.0);
    place = there.xyz; own_place = in_point; own_normal = in_normal;
    normal = mat3(to_world) * in_normal;
    colour = in_colour; metallic = in_metallic; roughness = in_roughness; opacity = in_opacity; emission = in_emission;
    kind = int(in_kind + 0.5);
    gl_Position = to_clip * there;
}
"""
)

_MESH_INPUTS: Final = """
in vec3 place; in vec3 own_place; in vec3 normal; in vec3 own_normal; in vec3 colour;
flat in float metallic; flat in float roughness; flat in float opacity; flat in float emission; flat in int kind;
"""

_STATIC_FRAGMENT: Final = (
    _NOISE
    + _SKY
    + _SHADOW
    + _MESH_INPUTS
    + """
uniform vec3 eye;
uniform vec3 sun_sample;
uniform vec3 sky_sample;
uniform vec3 sky_radiance;
uniform mat4 sun_matrix;
uniform mat4 sky_matrix;
uniform sampler2DShadow sun_map;
uniform sampler2DShadow sky_map;
uniform sampler2D edge_map;
uniform vec4 edge_area;
uniform float turn;
layout(location = 0) out vec4 ambient_out;
layout(location = 1) out vec4 sun_out;

float brick_joint(vec2 at) {
    at.x += 0.125 * mod(floor(at.y / 0.075), 2.0);
    vec2 inside = abs(fract(at / vec2(0.25, 0.075)) - 0.5);
    return max(smoothstep(0.44, 0.48, inside.x), smoothstep(0.40, 0.46, inside.y));
}
vec3 ground(vec2 at, float edge) {
    float large = cloudy(at * 0.07), middle = cloudy(at * 0.9 + 5.0), fine = hash(floor(at * 45.0));
    float grain = hash(floor(at * 110.0));
    if (edge < 0.0) {
        vec3 base = vec3(0.118, 0.116, 0.115) * (0.75 + 0.5 * large) * (0.86 + 0.28 * middle);
        base *= 0.82 + 0.24 * fine + 0.16 * grain;
        float crack = abs(cloudy(at * 0.33 + 11.0) - 0.5);
        float reach = smoothstep(0.52, 0.62, cloudy(at * 0.05 + 31.0));
        base *= 1.0 - 0.55 * reach * (1.0 - smoothstep(0.002, 0.007, crack));
        base *= mix(0.72, 1.0, smoothstep(-0.5, -0.05, -edge - 0.12 - 0.5 * middle));
        return base;
    }
    if (edge < 2.5) {
        vec2 slab = floor(at / vec2(0.6, 0.4));
        vec2 inside = abs(fract(at / vec2(0.6, 0.4)) - 0.5);
        float joint = max(smoothstep(0.475, 0.495, inside.x), smoothstep(0.465, 0.49, inside.y));
        vec3 base = vec3(0.30, 0.285, 0.265) * (0.82 + 0.22 * hash(slab)) * (0.75 + 0.4 * cloudy(at * 0.4 + 2.0));
        return base * (1.0 - 0.4 * joint) * (0.9 + 0.2 * grain);
    }
    float dry = smoothstep(0.42, 0.66, cloudy(at * 0.16 + 8.0));
    vec3 grass = mix(vec3(0.045, 0.070, 0.022), vec3(0.105, 0.100, 0.045), dry);
    grass *= 0.55 + 0.6 * hash(floor(at * 25.0)) + 0.5 * cloudy(at * 2.2);
    vec3 paving = vec3(0.15, 0.14, 0.125) * (0.7 + 0.5 * middle) * (0.9 + 0.2 * grain);
    return mix(grass, paving, smoothstep(0.60, 0.62, cloudy(at * 0.045 + 70.0)));
}
vec3 surface(vec3 albedo, vec3 facing) {
    vec2 along = vec2(dot(place.xy, vec2(facing.y, -facing.x)), place.z);
    if (kind == 1) {
        vec2 at = (place.xy - edge_area.xy) * edge_area.zw;
        float edge = texture(edge_map, at).r;
        if (place.z < 0.06 && edge > 0.05) discard;
        if (place.z > 0.06 && edge < 0.05) discard;
        return ground(place.xy, edge);
    }
    if (kind == 3) {
        float worn = cloudy(place.xy * 3.1) * 0.6 + 0.4 * hash(floor(place.xy * 30.0));
        if (worn > 0.45 + 0.5 * opacity) discard;
        return albedo * (0.75 + 0.35 * cloudy(place.xy * 1.3));
    }
    if (kind == 4) {
        float seen = opacity * (0.35 + 1.0 * cloudy(place.xy * 0.8));
        if (hash3(vec3(floor(place.xy * 200.0), turn)) > seen) discard;
        return albedo * (0.8 + 0.4 * hash(floor(place.xy * 40.0)));
    }
    if (kind == 5) return albedo * (0.55 + 0.9 * hash(floor(place.xy * 3.7) + floor(place.z * 4.1) * 7.0));
    if (kind == 6) {
        float streak = cloudy(vec2(along.x * 1.7, along.y * 0.25)), stain = cloudy(along * 0.6 + 3.0);
        return albedo * (0.72 + 0.2 * streak + 0.25 * stain) * mix(0.7, 1.0, smoothstep(0.0, 0.9, place.z + 0.4 * streak));
    }
    if (kind == 7) {
        float shift = 0.125 * mod(floor(along.y / 0.075), 2.0);
        vec3 stone = albedo * (0.6 + 0.8 * hash(floor(vec2(along.x + shift, along.y) / vec2(0.25, 0.075))));
        return mix(stone, vec3(0.33, 0.31, 0.28), 0.8 * brick_joint(along)) * (0.7 + 0.5 * cloudy(along * 0.5));
    }
    if (kind == 8) {
        vec2 inside = abs(fract(along / vec2(3.0, 2.9)) - 0.5);
        float joint = max(smoothstep(0.492, 0.497, inside.x), smoothstep(0.490, 0.496, inside.y));
        return albedo * (0.7 + 0.5 * cloudy(along * vec2(0.9, 0.3))) * (1.0 - 0.5 * joint);
    }
    if (kind == 9) {
        float shift = 0.5 * mod(floor(along.y / 0.24), 2.0);
        float tile = hash(floor(vec2(along.x / 0.3 + shift, along.y / 0.24)));
        return albedo * (0.55 + 0.6 * tile) * (0.75 + 0.5 * cloudy(place.xy * 0.7));
    }
    if (kind == 11) return albedo * (0.5 + cloudy(vec2(along.x * 14.0, along.y * 3.0)));
    if (kind == 13) return albedo * (0.75 + 0.35 * hash(floor(along / vec2(1.0, 9.0)))) * (0.85 + 0.3 * cloudy(place.xy * 5.0));
    return albedo * (0.9 + 0.2 * cloudy(place.xy * 1.9 + place.z));
}
void main() {
    vec3 out_of = normalize(normal), view = normalize(eye - place);
    if (dot(out_of, view) < 0.0) out_of = -out_of;
    vec3 albedo = surface(colour, out_of);
    float sun_share = lit(sun_map, sun_matrix, place + out_of * 0.05, 0.00025, 0.0002);
    float sky_share = lit(sky_map, sky_matrix, place + out_of * 0.09, 0.0005, 0.0004);
    float to_sun = max(dot(out_of, sun_sample), 0.0), to_sky = max(dot(out_of, sky_sample), 0.0);
    if (kind == 5) {
        to_sun = 0.35 + 0.65 * to_sun; to_sky = 0.3 + 0.7 * to_sky;
        to_sun += 0.3 * max(-dot(out_of, sun_sample), 0.0);
    }
    vec3 around = mix(horizon, vec3(dot(horizon, vec3(0.333))), 0.5);
    float below = 0.5 - 0.5 * out_of.z;
    ambient_out = vec4(albedo * (2.0 * sky_radiance * to_sky * sky_share + around * (0.06 + 0.13 * below)), 1.0);
    sun_out = vec4(albedo * sun_colour * (to_sun * sun_share + 0.035 + 0.08 * below), 1.0);
    ambient_out.rgb += colour * emission;
    if (kind == 10) {
        vec3 mirrored = reflect(-view, out_of);
        float fresnel = 0.05 + 0.95 * pow(1.0 - clamp(dot(out_of, view), 0.0, 1.0), 5.0);
        float line = smoothstep(0.05, 0.35, mirrored.z + 0.12 * (noise(mirrored.xy * 9.0) - 0.5));
        ambient_out.rgb += fresnel * mix(around * 0.30, sky(mirrored), line) * (0.5 + 0.5 * sky_share);
        sun_out.rgb += fresnel * sun_colour * 0.10 * (1.0 - line);
    }
    if (kind == 1 && place.z < 0.06) {
        float gloss = pow(1.0 - clamp(view.z, 0.0, 1.0), 5.0);
        ambient_out.rgb += 0.25 * gloss * horizon;
    }
}
"""
)


def static(kind: int) -> tuple[str, str]:
    """The shaders of one kind of surface that stands still: a software driver computes all branches, so each has its own."""
    return _MESH_VERTEX, f"{_HEAD}const int kind = {kind};\n" + _STATIC_FRAGMENT.replace("flat in int kind;", "")


DEPTH: Final = (
    _HEAD
    + """
uniform mat4 to_clip;
uniform mat4 to_world;
in vec3 in_point;
void main() { gl_Position = to_clip * to_world * vec4(in_point, 1.0); }
""",
    _HEAD + "void main() {}",
)

OUTLINE: Final = (
    DEPTH[0],
    _HEAD + "layout(location = 0) out float here; void main() { here = 1.0; }",
)

_FULL_VERTEX: Final = (
    _HEAD
    + """
out vec2 at;
void main() { at = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2); gl_Position = vec4(at * 2.0 - 1.0, 0.0, 1.0); }
"""
)

FILL: Final = (
    _FULL_VERTEX,
    _HEAD
    + _NOISE
    + _SKY
    + """
uniform mat4 from_clip;
uniform vec3 eye;
in vec2 at;
layout(location = 0) out vec4 ambient_out;
layout(location = 1) out vec4 sun_out;
void main() {
    vec4 there = from_clip * vec4(at * 2.0 - 1.0, 1.0, 1.0);
    ambient_out = vec4(sky(normalize(there.xyz / there.w - eye)), 0.0);
    sun_out = vec4(0.0);
}
""",
)

OCCLUSION: Final = (
    _HEAD
    + """
uniform mat4 to_clip;
uniform vec4 pose;
uniform vec2 half_size;
const vec2 CORNERS[6] = vec2[6](vec2(-1, -1), vec2(1, -1), vec2(1, 1), vec2(-1, -1), vec2(1, 1), vec2(-1, 1));
out vec2 own;
void main() {
    own = CORNERS[gl_VertexID] * (half_size + 1.6);
    vec2 there = pose.xy + own.x * vec2(pose.w, -pose.z) + own.y * vec2(pose.z, pose.w);
    gl_Position = to_clip * vec4(there, 0.0, 1.0);
}
""",
    _HEAD
    + """
uniform vec2 half_size;
in vec2 own;
layout(location = 0) out float open;
void main() {
    vec2 beyond = abs(own) - half_size + 0.25;
    float apart = length(max(beyond, 0.0)) + min(max(beyond.x, beyond.y), 0.0);
    open = 1.0 - 0.86 * pow(1.0 - smoothstep(-0.55, 1.5, apart), 2.2);
}
""",
)

COMPOSE: Final = (
    _FULL_VERTEX,
    _HEAD
    + _SHADOW
    + """
uniform sampler2D ambient_layer;
uniform sampler2D sun_layer;
uniform sampler2D depth_layer;
uniform sampler2D open_layer;
uniform sampler2DShadow car_map;
uniform mat4 car_matrix;
uniform mat4 from_clip;
uniform float sun_share;
uniform float softness;
in vec2 at;
layout(location = 0) out vec4 light_out;
layout(location = 1) out uint number_out;
void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    float depth = texelFetch(depth_layer, pixel, 0).r;
    gl_FragDepth = depth;
    number_out = 0u;
    vec3 ambient = texelFetch(ambient_layer, pixel, 0).rgb, sun = texelFetch(sun_layer, pixel, 0).rgb;
    if (depth < 1.0) {
        vec4 there = from_clip * vec4(at * 2.0 - 1.0, depth * 2.0 - 1.0, 1.0);
        vec3 place = there.xyz / there.w;
        float open = place.z < 0.4 ? texelFetch(open_layer, pixel, 0).r : 1.0;
        float direct = lit(car_map, car_matrix, place + vec3(0.0, 0.0, 0.02), softness, 0.0001);
        sun *= mix(0.12 * open, 1.0, direct);
        ambient *= open;
    }
    light_out = vec4(ambient + sun_share * sun, 1.0);
}
""",
)

VEHICLE: Final = (
    _MESH_VERTEX,
    _HEAD
    + _NOISE
    + _SHADOW
    + _MESH_INPUTS
    + """
uniform vec3 eye;
uniform vec3 sun_direction;
uniform vec3 sun_colour;
uniform vec3 above;
uniform vec3 ground_ambient;
uniform vec3 ground_sun;
uniform float sun_share;
uniform mat4 sun_matrix;
uniform mat4 car_matrix;
uniform sampler2DShadow sun_map;
uniform sampler2DShadow car_map;
uniform samplerCube around_ambient;
uniform samplerCube around_sun;
uniform float softness;
uniform uint number;
uniform float clear_pass;
layout(location = 0) out vec4 light_out;
layout(location = 1) out uint number_out;

vec3 reflected(vec3 ray, float rough) {
    float level = rough * 7.0;
    return textureLod(around_ambient, ray, level).rgb + sun_share * textureLod(around_sun, ray, level).rgb;
}
float highlight(vec3 out_of, vec3 view, float rough) {
    vec3 between = normalize(view + sun_direction);
    float a = max(rough * rough, 0.02), cosine = max(dot(out_of, between), 0.0);
    float spread = cosine * cosine * (a * a - 1.0) + 1.0;
    return min(a * a / (3.1416 * spread * spread) * 0.25, 12.0);
}
void main() {
    vec3 view = normalize(eye - place);
    vec3 out_of = dot(normal, normal) > 1e-8 ? normalize(normal) : view;
    float facing = dot(out_of, view);
    if (facing < 0.0) { if (clear_pass > 0.5) discard; out_of = -out_of; facing = -facing; }
    facing = min(facing, 1.0);
    vec3 albedo = colour;
    float dirt = kind == 12 ? smoothstep(0.75, 0.15, own_place.z + 0.35 * cloudy(own_place.xy * 3.0 + own_place.z * 2.0)) : 0.0;
    albedo = mix(albedo, vec3(0.17, 0.15, 0.125), 0.30 * dirt);
    float low = clamp(own_place.z / 0.7, 0.0, 1.0), open = mix(0.35 + 0.65 * low, 1.0, max(out_of.z, 0.0));
    vec3 sky_light = mix(ground_ambient + sun_share * ground_sun * (0.3 + 0.7 * low), above, 0.5 + 0.5 * out_of.z) * open;
    float direct = max(dot(out_of, sun_direction), 0.0);
    float seen = 0.0;
    if (direct > 0.0) {
        vec3 lifted = place + out_of * 0.03;
        seen = min(lit(sun_map, sun_matrix, lifted, 0.0005, 0.0003), lit(car_map, car_matrix, lifted, softness, 0.0003));
    }
    vec3 sun = sun_colour * sun_share * seen;
    vec3 base = vec3(mix(0.04, 0.0, metallic)) + albedo * metallic;
    vec3 ray = reflect(-view, out_of);
    float mirror_open = ray.z < 0.0 ? mix(0.5, 1.0, low) : 1.0;
    vec3 bent = base + (max(vec3(1.0 - roughness), base) - base) * pow(1.0 - facing, 5.0);
    vec3 light = albedo * (1.0 - metallic) * (sky_light + sun * direct);
    light += bent * reflected(ray, roughness) * mirror_open + sun * base * highlight(out_of, view, roughness) * direct * 4.0;
    if (kind == 12) {
        float coat = 0.04 + 0.96 * pow(1.0 - facing, 5.0);
        coat *= 1.0 - 0.6 * dirt;
        light = light * (1.0 - 0.7 * coat) + coat * reflected(ray, 0.06) * mirror_open;
        light += sun * 0.04 * highlight(out_of, view, 0.16) * 4.0 * direct;
    }
    light += colour * emission;
    float through = clear_pass > 0.5 ? max(opacity, bent.g) : 1.0;
    if (any(isnan(light)) || any(isinf(light))) light = albedo * sky_light;
    light_out = vec4(min(light, vec3(60.0)), through);
    number_out = number;
}
""",
)
